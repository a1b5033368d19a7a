"""The query language: `action=fail&action=terminate&timestamp$min=2021-01-01` becomes a condition in SQL.

    field=value        equal; `null` and nothing mean null
    field$not=value    not equal, null included
    field$min=value    at least, field$max at most
    field$regex=value  begins with what the expression matches; RE2, which takes no longer than the text is long

A key that is repeated: one of its values, with `$not` none of them. Several keys: all of them. A field that a thing
does not have, or that is null, matches nothing but `null` and `$not`.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl

import re2

from opsgate.backends.errors import Invalid
from opsgate.backends.redengine.conditions import durations

if TYPE_CHECKING:
    import sqlite3

    from opsgate.backends.redengine.port import Filters

Kind = Literal["text", "bool", "int", "number", "epoch", "shown", "duration", "json"]
Operator = Literal["", "not", "min", "max", "regex"]
OPERATORS: Final = ("not", "min", "max", "regex")
LONGEST_PATTERN: Final = 1000
_HALF: Final = 5e-7  # seconds: times are stored in microseconds
_WHOLE: Final = re.compile(r"-?\d{1,19}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d{1,30}(?:\.\d{1,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_PLUS: Final = re.compile(r"%2(?![0-9A-Fa-f])")
_ZONED: Final = re.compile(r".*\d\d:?\d\d.*(?:[zZ]|[+-]\d\d:?\d\d)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Field:
    """A field that can be asked for.

    Args:
        kind: What its values are. "epoch" and "shown" are times, stored in seconds or as local time.
        column: The SQL expression that has it.
        values: SQL that lists its different values as `v`, where these are few beside the rows.
    """

    kind: Kind
    column: str
    values: str | None = None


Fields = Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Where:
    """A condition in SQL.

    Args:
        sql: Behind WHERE.
        values: For its question marks.
        is_exact: Whether each field is asked for by its value, or one of several.
        fields: The fields.
    """

    sql: str
    values: tuple[Any, ...]
    is_exact: bool
    fields: frozenset[str]


def pairs(raw: str) -> list[tuple[str, str]]:
    """Return the keys and values of a query string as it was sent; `%2` alone is a plus, as the document has it."""
    return parse_qsl(_PLUS.sub("%2B", raw), keep_blank_values=True)


def compile_query(filters: Filters, fields: Fields) -> Where:
    """Return the condition that a query stands for.

    Raises:
        Invalid: An unknown field or operator, or a value that such a field cannot have; its key is told.
    """
    values: dict[str, list[str]] = {}
    for key, value in filters:
        values.setdefault(key, []).append(value)
    parts, bound, asked = [], [], set()
    for key, given in values.items():
        field, operator = _split(key, fields)
        sql, own = _TRANSLATE[operator](key, fields[field], given)
        parts.append(sql)
        bound.extend(own)
        asked.add((field, operator))
    is_exact = all(operator == "" for _, operator in asked)
    return Where(" AND ".join(parts) or "1", tuple(bound), is_exact, frozenset(field for field, _ in asked))


def install(db: sqlite3.Connection) -> None:
    """Teach a connection what the conditions need."""
    db.create_function("matches", 2, _matches, deterministic=True)


def _split(key: str, fields: Fields) -> tuple[str, Operator]:
    field, dollar, operator = key.partition("$")
    if field not in fields:
        raise Invalid(f"{key}: there is no field {field!r}; there are {', '.join(sorted(fields))}")
    if dollar and operator not in OPERATORS:
        raise Invalid(f"{key}: there is no operator ${operator}; there are $not, $min, $max, $regex")
    return field, operator  # type: ignore[return-value]  # one of them, as was just seen


def _equal(key: str, field: Field, given: list[str]) -> tuple[str, list[Any]]:
    terms, bound = [], []
    if any(text in ("", "null") for text in given):
        terms.append(f"{field.column} IS NULL")
    values = [_value(key, field, text) for text in given if text not in ("", "null")]
    if field.kind in ("epoch", "duration"):
        for value in values:
            terms.append(f"{field.column} BETWEEN ? AND ?")
            bound += [value - _HALF, value + _HALF]
    elif values:
        terms.append(f"{field.column} IN ({', '.join('?' * len(values))})")
        bound += values
    return f"({' OR '.join(terms)})", bound


def _not(key: str, field: Field, given: list[str]) -> tuple[str, list[Any]]:
    sql, bound = _equal(key, field, given)
    return f"({sql} IS NOT 1)", bound


def _bounded(operator: str) -> Callable[[str, Field, list[str]], tuple[str, list[Any]]]:
    def translate(key: str, field: Field, given: list[str]) -> tuple[str, list[Any]]:
        bound = [_value(key, field, text) for text in given]
        slack = {"epoch": _HALF, "duration": _HALF}.get(field.kind)
        if slack is not None:
            bound = [value - slack if operator == ">=" else value + slack for value in bound]
        return f"({' OR '.join([f'{field.column} {operator} ?'] * len(bound))})", bound

    return translate


def _regex(key: str, field: Field, given: list[str]) -> tuple[str, list[Any]]:
    if field.kind not in ("text", "json", "shown"):
        raise Invalid(f"{key}: $regex is for texts, {key.partition('$')[0]} is none")
    for pattern in given:
        _check_pattern(key, pattern)
    column = "v" if field.values else field.column
    sql = f"({' OR '.join([f'matches({column}, ?)'] * len(given))})"
    if field.values:  # an expression is asked once per value, not once per row
        sql = f"({field.column} IN (SELECT v FROM ({field.values}) WHERE {sql}))"  # noqa: S608 - no text of a client's
    return sql, list(given)


_TRANSLATE: Final[dict[Operator, Callable[[str, Field, list[str]], tuple[str, list[Any]]]]] = {
    "": _equal,
    "not": _not,
    "min": _bounded(">="),
    "max": _bounded("<="),
    "regex": _regex,
}


def _check_pattern(key: str, pattern: str) -> None:
    if len(pattern) > LONGEST_PATTERN:
        raise Invalid(f"{key}: an expression has {LONGEST_PATTERN} characters at most, this one {len(pattern)}")
    try:
        _compiled(pattern)
    except re2.error as error:
        raise Invalid(f"{key}: {pattern!r} is no regular expression that can be used here: {error}") from error


@functools.lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _matches(text: object, pattern: str) -> bool:
    return isinstance(text, str) and _compiled(pattern).match(text) is not None


def _value(key: str, field: Field, text: str) -> Any:
    try:
        return _CONVERT[field.kind](text)
    except (ValueError, OverflowError, OSError) as error:
        raise Invalid(f"{key}: {text!r} is no {_WORDS[field.kind]}") from error


def _bool(text: str) -> int:
    return {"true": 1, "1": 1, "false": 0, "0": 0}.get(text.lower(), -1) if text.lower() in _BOOLS else _refuse(text)


_BOOLS: Final = ("true", "1", "false", "0")


def _refuse(text: str) -> int:
    raise ValueError(text)


def _int(text: str) -> int:
    value = int(text) if _WHOLE.fullmatch(text) else _refuse(text)
    if abs(value) >= 2**63:
        raise OverflowError(text)
    return value


def _number(text: str) -> float:
    value = float(text) if _DECIMAL.fullmatch(text) else math.inf
    return value if math.isfinite(value) else _refuse(text)


def _time(text: str) -> datetime:
    """A naive local time; one with an offset or a Z is brought to it."""
    zoned = _ZONED.fullmatch(text) is not None
    # A plus that was sent as it is means a blank in a query.
    read = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)$", r"+\1", text) if _blank_offset(text) else text)
    return read.astimezone().replace(tzinfo=None) if zoned or read.tzinfo is not None else read


def _blank_offset(text: str) -> bool:
    return re.fullmatch(r".+:\d\d(?:\.\d+)? \d\d:?\d\d", text) is not None


def _shown(text: str) -> str:
    return _time(text).strftime("%Y-%m-%d %H:%M:%S.%f").zfill(26)


_CONVERT: Final[dict[Kind, Callable[[str], Any]]] = {
    "text": str,
    "bool": _bool,
    "int": _int,
    "number": _number,
    "epoch": lambda text: _time(text).timestamp(),
    "shown": _shown,
    "duration": durations.parse_any,
    "json": str,
}
_WORDS: Final[dict[Kind, str]] = {
    "text": "text",
    "bool": "truth value: true, false, 1, 0",
    "int": "whole number",
    "number": "number",
    "epoch": "time: 2021-12-31, 2021-12-31 12:00:30",
    "shown": "time: 2021-12-31, 2021-12-31 12:00:30",
    "duration": "duration: 10 min, 0 days 00:10:00",
    "json": "text",
}


def _own(name: str) -> str:
    return f"json_extract(own, '$.{name}')"


TASK_FIELDS: Final[Fields] = {
    **{name: Field("text", name) for name in (
        "name", "class", "description", "start_cond", "end_cond", "execution", "status"
    )},
    **{name: Field("bool", name) for name in (
        "disabled", "force_run", "force_termination", "daemon", "on_startup", "on_shutdown"
    )},
    **{name: Field("epoch", name) for name in (
        "last_run", "last_success", "last_fail", "last_terminate", "last_inaction"
    )},
    **{name: Field("text", _own(name)) for name in ("code", "command", "cwd", "argform", "func", "path")},
    **{name: Field("bool", _own(name)) for name in ("shell", "delay")},
    **{name: Field("json", _own(name)) for name in ("kwds_popen", "sys_paths")},
    "priority": Field("int", "priority"),
    "timeout": Field("duration", "timeout"),
    "parameters": Field("json", "parameters"),
    "permanent_task": Field("bool", "0"),
    "output_variable": Field("text", "CASE class WHEN 'CodeTask' THEN 'return_value' END"),
}  # fmt: skip


def _from_index(column: str) -> str:
    """The different values of an indexed column of the log, each found by one step in the index."""
    return (
        f"WITH RECURSIVE step (v) AS (SELECT min({column}) FROM log UNION ALL "  # noqa: S608 - our own columns
        f"SELECT (SELECT min({column}) FROM log WHERE {column} > v) FROM step WHERE v IS NOT NULL) "
        "SELECT v FROM step WHERE v IS NOT NULL"
    )


LOG_FIELDS: Final[Fields] = {
    "id": Field("int", "id"),
    "task_name": Field("text", "task_name", _from_index("task_name")),
    "action": Field("text", "action", _from_index("action")),
    "timestamp": Field("shown", "timestamp"),
    "created": Field("number", "created"),
    "start": Field("shown", "start"),
    "end": Field("shown", '"end"'),
    "runtime": Field("duration", "runtime"),
    "message": Field("text", "json_extract(body, '$.message')"),
    "levelname": Field("text", "CASE action WHEN 'fail' THEN 'ERROR' ELSE 'INFO' END"),
    "levelno": Field("int", "CASE action WHEN 'fail' THEN 40 ELSE 20 END"),
    "exc_text": Field("text", "json_extract(body, '$.exc_text')"),
    "run_id": Field("text", "run_id"),
}
DEPENDENCY_FIELDS: Final[Fields] = {
    "parent": Field("text", "parent"),
    "child": Field("text", "task.name"),
    "relation": Field("text", "relation"),
    "type": Field("text", "type"),
}
