"""Texts of attributes as callers give them, checked before anything is sent.

Much of this the server would refuse as well; but some of it would end up within a definition's text, where a newline
begins another statement, and some changes take two commands, of which the second must not fail.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from opsgate.backends.ecflow import grammar
from opsgate.backends.ecflow.model import Generic, InLimit, Queue, Repeat, Zombie
from opsgate.backends.ecflow.port import Scalar
from opsgate.backends.errors import Invalid

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.]*\Z")
_PATH = re.compile(r"/[A-Za-z0-9_][A-Za-z0-9_.]*(?:/[A-Za-z0-9_][A-Za-z0-9_.]*)*\Z")
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d"
_SERIES = re.compile(rf"\+?{_CLOCK}(?: \+?{_CLOCK} {_CLOCK})?\Z")
_DATE = re.compile(r"(\*|\d{1,2})\.(\*|\d{1,2})\.(\*|\d{4})\Z")
_CRON_OPTION = re.compile(r"-([wdm]) ([0-9L,]+) ")
_LATE = re.compile(
    rf"(?:-s \+?{_CLOCK}|-a {_CLOCK}|-c \+?{_CLOCK})(?: (?:-s \+?{_CLOCK}|-a {_CLOCK}|-c \+?{_CLOCK}))*\Z"
)
_AFTER = re.compile(rf"(?:\+?{_CLOCK}|\d{{1,5}})\Z")
_INLIMIT = re.compile(r"((?:-[ns] )*)(?:(/[\w./]+|[\w.]+|\.{1,2}[\w./]*):)?([A-Za-z0-9_][A-Za-z0-9_.]*)\Z")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_RANGES = {"w": range(7), "d": range(1, 32), "m": range(1, 13)}
_LAST_DAY, _LAST_MONTH = 31, 12
_ZOMBIE_TYPES = ("user", "ecf", "ecf_pid", "ecf_passwd", "ecf_pid_passwd", "path")
_ZOMBIE_ACTIONS = ("fob", "fail", "adopt", "remove", "block", "kill")
_CHILD_COMMANDS = ("init", "event", "meter", "label", "wait", "queue", "abort", "complete")
_UNSAFE = re.compile(r"[\s#;'\"\0]")
_TRUE, _FALSE = ("set", "true", "1"), ("clear", "false", "0")
_INT = 2**31


def text(value: Scalar | None, what: str) -> str:
    """Return a value as text; `Invalid` without one."""
    if value is None:
        raise Invalid(f"the {what} is missing")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def name(value: str, what: str) -> str:
    """Return a name; `Invalid` for what cannot be one. Empty, it would mean all of that kind."""
    if not _NAME.match(value):
        raise Invalid(f"{value!r} is no name of a {what}: letters, digits, underscores, and dots within")
    return value


def integer(value: Scalar | None, what: str) -> int:
    """Return a whole number that the server can hold, or raise `Invalid`."""
    words = text(value, what).strip()
    if not re.match(r"[-+]?\d+\Z", words, re.ASCII) or not -_INT <= int(words) < _INT:
        raise Invalid(f"{words!r} is no {what}: a whole number is needed")
    return int(words)


def count(value: Scalar | None, what: str) -> int:
    """Return a whole number that is not negative, or raise `Invalid`."""
    number = integer(value, what)
    if number < 0:
        raise Invalid(f"{number} is no {what}: it must not be negative")
    return number


def truth(value: Scalar | None) -> bool:
    """Return whether an event is to be set: `set`, `true`, `clear` or `false`; nothing means cleared."""
    if value is None:
        return False
    words = text(value, "value").strip().lower()
    if words not in _TRUE + _FALSE:
        raise Invalid(f"{words!r} is no value of an event: it is set, true, clear or false")
    return words in _TRUE


def meter(low: int, high: int, value: int) -> None:
    """Raise `Invalid` unless a meter may have these bounds and this value."""
    if low >= high:
        raise Invalid(f"the minimum {low} of a meter must be less than its maximum {high}")
    if not low <= value <= high:
        raise Invalid(f"{value} is outside the meter's {low} to {high}")


def timed(kind: str, value: Scalar | None) -> str:
    """Return the text of a time, today, date, day or cron in the server's spelling, or raise `Invalid`."""
    words = " ".join(text(value, kind).split())
    if not _TIMED[kind](words):
        raise Invalid(f"{words!r} is no {kind}: {_EXAMPLES[kind]}")
    return words


def late(value: Scalar | None) -> str:
    """Return the text of a late, or raise `Invalid`."""
    words = " ".join(text(value, "late").split())
    options = re.findall(r"-[sac]", words)
    if not _LATE.match(words) or len(set(options)) != len(options):
        raise Invalid(f"{words!r} is no late: it is like -s +00:15 -a 20:00 -c +02:00, each at most once")
    return words


def after(value: Scalar | None, what: str) -> str:
    """Return when something happens after completion: `+01:00`, `10:00`, or days; or raise `Invalid`."""
    words = text(value, what).strip()
    if not _AFTER.match(words):
        raise Invalid(f"{words!r} is no {what}: it is like +01:00, 10:00, or a number of days")
    return words


def expression(value: Scalar | None, what: str) -> str:
    """Return a trigger expression, or raise `Invalid`; see `grammar` for why it must be one that is known."""
    words = " ".join(text(value, what).split())
    try:
        grammar.parse(words)
    except grammar.ParseError as error:
        raise Invalid(f"the {what} {words!r} {error}") from error
    return words


def inlimit(path: str, tokens: Scalar | None) -> InLimit:
    """Return the inlimit that `/path:limit` means, or raise `Invalid`."""
    found = _INLIMIT.match(" ".join(path.removeprefix("inlimit ").split()))
    number = 1 if tokens is None or tokens == "" else integer(tokens, "number of tokens")
    if not found or number < 1:
        raise Invalid(f"{path!r} with {number} tokens is no inlimit: it is like /suite/family:limit with 1 or more")
    return InLimit(found[3], found[2] or "", number, "-n" in found[1], "-s" in found[1])


def repeat(value: Scalar | None) -> Repeat:
    """Return the repeat that a definition's text without the word `repeat` means, or raise `Invalid`."""
    words = text(value, "repeat").removeprefix("repeat ").split()
    kind, *rest = words or [""]
    if kind == "day":
        return Repeat("day", "day", (str(integer(rest[0] if rest else "1", "step")),), "1")
    if kind in ("integer", "date", "datetime") and len(rest) in (3, 4):
        return _counted_repeat(kind, rest)
    if kind in ("enumerated", "string", "datelist", "datetimelist") and len(rest) > 1:
        values = tuple(word.strip("\"'") for word in rest[1:])
        _words(values, f"value of a repeat {kind}")
        if kind == "datelist" and not all(map(is_date, values)):
            raise Invalid(f"{' '.join(values)!r} are not all dates like 20260131")
        return Repeat(kind, name(rest[0], "repeat"), values, "0")
    raise Invalid(f'{" ".join(words)!r} is no repeat: it is like `integer I 1 9 2` or `enumerated E "a" "b"`')


def position(of: Repeat, value: Scalar | None) -> str:
    """Return a value that the repeat may take, or raise `Invalid`."""
    words = text(value, "value").strip()
    if of.listed:
        indices = [str(index) for index in range(len(of.values))]
        if words not in of.values and words not in indices:
            raise Invalid(f"{words!r} is no value of repeat {of.name}: {', '.join(of.values)}")
        return words
    if of.kind not in ("integer", "date"):
        return words
    number = integer(words, f"value of repeat {of.name}")
    low, high = sorted((int(of.values[0]), int(of.values[1])))
    if not low <= number <= high:
        raise Invalid(f"{number} is outside of repeat {of.name}, {low} to {high}")
    return str(number)


def queue(of: str, value: Scalar | None) -> Queue:
    """Return a queue with the steps in `value`, separated by blanks, or raise `Invalid`."""
    steps = tuple(text(value, "list of steps").split())
    _words(steps, "step of a queue")
    return Queue(name(of, "queue"), steps, 0, ("queued",) * len(steps))


def generic(of: str, value: Scalar | None) -> Generic:
    """Return a generic with the words in `value`, or raise `Invalid`."""
    words = tuple(text(value, "list of values").split())
    _words(words, "value of a generic")
    return Generic(name(of, "generic"), words)


def zombie(value: str) -> Zombie:
    """Return the zombie that `type:action:commands:lifetime` means, or raise `Invalid`."""
    fields = value.strip().split(":")
    commands = fields[2].split(",") if len(fields) > 2 and fields[2] else []  # noqa: PLR2004 - the third field
    if (
        not 2 <= len(fields) <= 4  # noqa: PLR2004 - its fields
        or fields[0] not in _ZOMBIE_TYPES
        or (fields[1] and fields[1] not in _ZOMBIE_ACTIONS)
        or any(command not in _CHILD_COMMANDS for command in commands)
    ):
        raise Invalid(f"{value!r} is no zombie: it is like ecf:fob:init,event:300")
    lifetime = count(fields[3], "lifetime") if len(fields) == 4 and fields[3] else 0  # noqa: PLR2004 - the fourth
    return Zombie(fields[0], fields[1], fields[2] if commands else "", lifetime)


def zombie_type(value: str) -> str:
    """Return a type of zombies, or raise `Invalid`."""
    kind = value.strip().partition(":")[0]
    if kind not in _ZOMBIE_TYPES:
        raise Invalid(f"{value!r} is no type of zombies: {', '.join(_ZOMBIE_TYPES)}")
    return kind


def paths(value: Scalar | None) -> tuple[str, ...]:
    """Return paths that are separated by blanks, or raise `Invalid`."""
    found = tuple(text(value, "list of paths").split())
    wrong = [path for path in found if not _PATH.match(path)]
    if not found or wrong:
        raise Invalid(f"{wrong[0] if wrong else ''!r} is no path of a node, like /suite/family")
    return found


def options(value: Scalar | None, what: str) -> str:
    """Return the options of an aviso or mirror, or raise `Invalid`: they end up in a definition's text."""
    words = text(value, what).strip()
    if not words or "\n" in words or "\0" in words or "#" in words:
        raise Invalid(f"{words!r} is no {what}: one line of options, without #")
    return words


def safe_in_definition(value: str) -> bool:
    """Tell whether the server reads this out of a definition as it was written into it."""
    return not _UNSAFE.search(value)


def _words(found: Iterable[str], what: str) -> None:
    found = list(found)
    wrong = [word for word in found if not word or _UNSAFE.search(word)]
    if not found or wrong:
        raise Invalid(f"{wrong[0] if wrong else ''!r} is no {what}: words without blanks, quotes, # and ;")


def _counted_repeat(kind: str, words: list[str]) -> Repeat:
    of, start, end, *step = words
    stride = step[0] if step else "1"
    if kind == "datetime":
        _words(words, "part of a repeat")
        return Repeat(kind, name(of, "repeat"), (start, end, stride), start)
    low, high, each = integer(start, "start"), integer(end, "end"), integer(stride, "step")
    if each == 0 or (high - low) * each < 0 or (kind == "date" and not (is_date(start) and is_date(end))):
        raise Invalid(f"a repeat {kind} cannot run from {start} to {end} in steps of {stride}")
    return Repeat(kind, name(of, "repeat"), (str(low), str(high), str(each)), str(low))


def is_date(text: str) -> bool:
    """Tell whether a text is a date like 20260131."""
    if not re.match(r"\d{8}\Z", text, re.ASCII):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


def _series(words: str) -> bool:
    return bool(_SERIES.match(words))


def _date(words: str) -> bool:
    found = _DATE.match(words)
    if not found:
        return False
    day, month = found[1], found[2]
    return (day == "*" or 1 <= int(day) <= _LAST_DAY) and (month == "*" or 1 <= int(month) <= _LAST_MONTH)


def _cron(words: str) -> bool:
    seen = ""
    while found := _CRON_OPTION.match(words):
        option, numbers = found.groups()
        if option in seen or not all(_cron_number(option, number) for number in numbers.split(",")):
            return False
        seen += option
        words = words[found.end() :]
    return bool(_SERIES.match(words))


def _cron_number(option: str, number: str) -> bool:
    if option == "d" and number == "L":
        return True
    digits = number.removesuffix("L") if option == "w" else number
    return digits.isdigit() and int(digits) in _RANGES[option]


_TIMED = {"time": _series, "today": _series, "date": _date, "day": lambda words: words in _DAYS, "cron": _cron}
_EXAMPLES = {
    "time": "it is like 10:00, +00:20 or 10:00 20:00 00:30",
    "today": "it is like 10:00, +00:20 or 10:00 20:00 00:30",
    "date": "it is like 1.12.2026, with * for any day, month or year",
    "day": "it is monday to sunday",
    "cron": "it is like -w 0,1 10:00, -d 1,L -m 6 10:00 20:00 01:00 or 23:00",
}
