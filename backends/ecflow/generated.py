"""Generated variables: not in the server's text, every client works them out from it."""

from __future__ import annotations

import calendar
from collections.abc import Iterator, Sequence
from datetime import date, datetime

from msgspec import Struct, structs

from opsgate.backends.ecflow.model import Calendar, Node, Repeat, Server, Variable

PASSWORD = "ECF_PASS"  # noqa: S105 - the name of the variable
MASK = "***"
"""Shown in place of a job's password to those who may not see it."""

_DATE_LENGTH = 8
_STAMP = "%Y-%b-%d %H:%M:%S"
_SUITE_NAMES = (
    "ECF_DATE", "YYYY", "DOW", "DOY", "DATE", "DAY", "DD", "MM", "MONTH", "ECF_CLOCK", "ECF_TIME", "ECF_JULIAN", "TIME",
)  # fmt: skip
_JULIAN_OF_ORDINAL = 1721425
"""Python counts days from 1 January of year 1, the server from the Julian epoch."""
_PADDED_SINCE = (5, 16)
"""Versions of the server from which on months and days of repeats have two digits."""


class Context(Struct, frozen=True):
    """What a node's generated variables take from above it.

    Attributes:
        home: ECF_HOME there.
        out: ECF_OUT there.
        extension: ECF_EXTN there.
        padded: Whether the server writes months and days of repeats with two digits.
    """

    home: str
    out: str = ""
    extension: str = ".ecf"
    padded: bool = False

    def below(self, node: Node) -> Context:
        """Return what holds below that node, and for itself."""
        own = node.kept("context", _own_context)
        return structs.replace(self, **own) if own else self


def context(server: Server) -> Context:
    """Return what the server's variables say; those of users come first."""
    values = {variable.name: variable.value for variable in (*server.variables, *server.user_variables)}
    return Context(
        values.get("ECF_HOME", ""),
        values.get("ECF_OUT", ""),
        values.get("ECF_EXTN", ".ecf"),
        server.version_number >= _PADDED_SINCE,
    )


def variables(node: Node, path: str, above: Context) -> list[Variable]:
    """Return the generated variables of a node in the order that the server has them.

    Args:
        node: The node.
        path: Where it is.
        above: What holds for it: from `Context.below` for itself.
    """
    own = _OF_KIND[node.kind](node, path, above)
    repeats = [variable for repeat in node.of(Repeat) for variable in _of_repeat(repeat, above)]
    return [*repeats, *own] if node.kind == "suite" else [*own, *repeats]


def masked(found: Sequence[Variable]) -> list[Variable]:
    """Return the variables with the job's password hidden, where there is one."""
    return [Variable(one.name, MASK) if one.name == PASSWORD and one.value else one for one in found]


def _own_context(node: Node) -> dict[str, str]:
    fields = {"ECF_HOME": "home", "ECF_OUT": "out", "ECF_EXTN": "extension"}
    return {fields[one.name]: one.value for one in node.of(Variable) if one.name in fields}


def _suite(node: Node, path: str, above: Context) -> list[Variable]:  # noqa: ARG001 - one signature for all kinds
    values = _calendar_values(node.details.calendar or Calendar())
    return [Variable("SUITE", node.name), *map(Variable, _SUITE_NAMES, values)]


def _calendar_values(told: Calendar) -> Sequence[str]:
    try:
        now = datetime.strptime(told.suite_time, _STAMP)  # the suite's own time, of no zone
    except ValueError:  # it has not begun
        return [""] * len(_SUITE_NAMES)
    day, month = calendar.day_name[now.weekday()].lower(), calendar.month_name[now.month].lower()
    week_day, year_day = now.isoweekday() % 7, now.timetuple().tm_yday
    return (
        f"{now:%Y%m%d}",
        f"{now:%Y}",
        str(week_day),
        str(year_day),
        f"{now:%d.%m.%Y}",
        day,
        f"{now:%d}",
        f"{now:%m}",
        month,
        f"{day}:{month}:{week_day}:{year_day}",
        f"{now:%H:%M}",
        str(now.toordinal() + _JULIAN_OF_ORDINAL),
        f"{now:%H%M}",
    )


def _family(node: Node, path: str, above: Context) -> list[Variable]:  # noqa: ARG001 - one signature for all kinds
    return [Variable("FAMILY", path.split("/", 2)[2]), Variable("FAMILY1", node.name)]


def _task(node: Node, path: str, above: Context) -> list[Variable]:
    run = node.run
    extension = ".usr" if node.kind == "alias" else above.extension
    out = above.out.replace("%ECF_HOME%", above.home)
    return [
        Variable("TASK", node.name),
        Variable("ECF_JOB", f"{above.home}{path}.job{run.tryno}"),
        Variable("ECF_SCRIPT", f"{above.home}{path}{extension}"),
        Variable("ECF_JOBOUT", f"{out or above.home}{path}.{run.tryno}"),
        Variable("ECF_TRYNO", str(run.tryno)),
        Variable("ECF_RID", run.rid),
        Variable("ECF_NAME", path),
        Variable(PASSWORD, run.password),
    ]


_OF_KIND = {"suite": _suite, "family": _family, "task": _task, "alias": _task}


def _of_repeat(repeat: Repeat, above: Context) -> Iterator[Variable]:
    name, value = repeat.name, repeat.last_value
    if repeat.kind == "day":
        yield Variable(name, "")
        return
    if repeat.kind in ("date", "datelist"):
        yield from _date_parts(name, value, above)
    elif repeat.kind in ("datetime", "datetimelist"):
        yield from _datetime_parts(name, value)
    yield Variable(name, value)


def _date_parts(name: str, value: str, above: Context) -> Iterator[Variable]:
    try:
        day = datetime.strptime(value[:_DATE_LENGTH], "%Y%m%d").date()
    except ValueError:  # an empty list
        return
    for part, text in (
        ("YYYY", str(day.year)),
        ("MM", f"{day:%m}" if above.padded else str(day.month)),
        ("DD", f"{day:%d}" if above.padded else str(day.day)),
        ("DOW", str(day.isoweekday() % 7)),
        ("JULIAN", str(_julian(day))),
    ):
        yield Variable(f"{name}_{part}", text)


def _datetime_parts(name: str, value: str) -> Iterator[Variable]:
    try:
        moment = datetime.strptime(value, "%Y%m%dT%H%M%S")
    except ValueError:  # an empty list
        return
    for part, text in (
        ("DATE", f"{moment:%Y%m%d}"),
        ("YYYY", str(moment.year)),
        ("MM", f"{moment:%m}"),
        ("DD", f"{moment:%d}"),
        ("JULIAN", str(_julian(moment.date()))),
        ("TIME", f"{moment:%H%M%S}"),
        ("HOURS", f"{moment:%H}"),
        ("MINUTES", f"{moment:%M}"),
        ("SECONDS", f"{moment:%S}"),
    ):
        yield Variable(f"{name}_{part}", text)


def _julian(day: date) -> int:
    return day.toordinal() + _JULIAN_OF_ORDINAL
