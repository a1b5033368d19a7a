"""The forms of a single condition, and the term each of them makes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, cast

from opsgate.backends.redengine.conditions import cron, durations, periods, terms
from opsgate.backends.redengine.conditions.anchors import Scope
from opsgate.backends.redengine.conditions.terms import Action, Term

FORMS: Final = (
    "true", "false", "daily", "hourly", "weekly", "monthly", "minutely", "daily between 08:00 and 12:00",
    "daily after 08:00", "daily starting 08:00", "weekly on Monday", "monthly on 1st", "hourly starting 30:00",
    "every 10 min", "every 1 hour 30 min", "cron 0 12 * * *", "time of day between 10:00 and 12:00",
    "time of week on Monday", "time of month on 5th", "after task 'x'", "after task 'x' failed",
    "after task 'x' finished", "after tasks 'x', 'y'", "after any tasks 'x', 'y'", "task 'x' is running",
    "task 'x' has succeeded today", "has failed this hour", "has started past 2 hours", "param 'x' is 'y'",
    "env 'test'", "scheduler started 10 min ago", "daily & ~task 'x' is running",
    "(daily | hourly) & ~has failed today",
)  # fmt: skip
"""Examples of each."""

UNKNOWN: Final = "another value"
"""The document's own example of a start_cond; no engine can parse it. Here it never holds."""

_PERIODIC: Final[dict[str, Scope]] = {
    "secondly": "second",
    "minutely": "minute",
    "hourly": "hour",
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
}
_PRESENT: Final[dict[str, Scope]] = {
    "this minute": "minute",
    "this hour": "hour",
    "today": "day",
    "this week": "week",
    "this month": "month",
}
_ACTIONS: Final[dict[str, tuple[Action, ...]]] = {
    "failed": ("fail",),
    "succeeded": ("success",),
    "finished": ("success", "fail", "terminate"),
    "terminated": ("terminate",),
    "inacted": ("inaction",),
    "started": ("run",),
}
_FOLLOWED: Final[dict[str, tuple[Action, ...]]] = {
    "succeeded": ("success",),
    "failed": ("fail",),
    "finished": ("success", "fail"),
}
_COMPARED: Final[dict[str | None, Literal["more", "less", "equal"]]] = {
    "more than ": "more",
    "less than ": "less",
    None: "equal",
}
_STRETCH: Final = (
    r"(?: between (?P<start>.+) and (?P<end>.+)| after (?P<after>.+)| before (?P<before>.+)"
    r"| starting (?P<starting>.+)| on (?P<on>.+))"
)
_WHEN: Final = rf"(?: (?P<present>{'|'.join(_PRESENT)}){_STRETCH}?| (?:in )?past (?P<past>.+))?"

Found = re.Match[str]


def parse(text: str) -> Term:
    """Return the term of a single condition.

    Raises:
        ValueError: There is none, and why.
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    for pattern, make in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is not None:
            return make(found)
    raise ValueError(f"there is no condition {text!r}")


def _once_per(found: Found) -> Term:
    return terms.OncePer(_period(_PERIODIC[found["scope"]], found))


def _cron(found: Found) -> Term:
    return terms.OncePer(cron.parse(found["expression"]), actions=("run",))


def _during(found: Found) -> Term:
    return terms.During(_period(cast("Scope", found["scope"]), found))


def _happened(found: Found) -> Term:
    actions, task = _ACTIONS[found["action"]], found["task"]
    if found["past"] is not None:
        return terms.HappenedLately(actions, durations.parse(found["past"]), task)
    if found["present"] is None:
        return terms.Happened(actions, task)
    return terms.Happened(actions, task, _period(_PRESENT[found["present"]], found))


def _after(found: Found) -> Term:
    actions = _FOLLOWED[found["action"] or "succeeded"]
    followed = tuple(terms.After(name, actions) for name in found["tasks"].split("', '"))
    return terms.AnyOf(followed) if found["any"] else terms.All(followed)


def _after_one(found: Found) -> Term:
    return terms.After(found["task"], _FOLLOWED[found["action"] or "succeeded"])


def _cycles(found: Found) -> Term:
    return terms.SchedulerCycles(_COMPARED[found["compared"]], int(found["cycles"]))


def _period(scope: Scope, found: Found) -> periods.Cycle:
    if found["start"] is not None:
        return periods.between(scope, found["start"], found["end"])
    for name, make in _BOUNDED.items():
        if found[name] is not None:
            return make(scope, found[name])
    return periods.whole(scope)


_BOUNDED: Final[dict[str, Callable[[Scope, str], periods.Cycle]]] = {
    "after": periods.after,
    "before": periods.before,
    "starting": periods.starting,
    "on": periods.on,
}
_CONSTANTS: Final[dict[str, Term]] = {
    "true": terms.Always(value=True),
    "always true": terms.Always(value=True),
    "false": terms.Always(value=False),
    "always false": terms.Always(value=False),
    UNKNOWN: terms.Always(value=False),
}
_PATTERNS: Final[list[tuple[re.Pattern[str], Callable[[Found], Term]]]] = [
    (re.compile(pattern, re.DOTALL), make)
    for pattern, make in (
        (rf"(?P<scope>{'|'.join(_PERIODIC)}){_STRETCH}?", _once_per),
        (r"every (?P<duration>.+)", lambda found: terms.Every(durations.parse(found["duration"]))),
        (r"cron (?P<expression>.+)", _cron),
        (rf"time of (?P<scope>second|minute|hour|day|week|month){_STRETCH}", _during),
        (r"(?:while )?task '(?P<task>.+)' is running", lambda found: terms.Running(found["task"])),
        (
            rf"(?:task '(?P<task>.+)' )?has (?P<action>{'|'.join(_ACTIONS)}){_WHEN}",
            _happened,
        ),
        (rf"after task '(?P<task>.+)'(?: (?P<action>{'|'.join(_FOLLOWED)}))?", _after_one),
        (rf"after (?P<any>any )?tasks '(?P<tasks>.+)'(?: (?P<action>{'|'.join(_FOLLOWED)}))?", _after),
        (
            r"scheduler has run over (?P<past>.+)",
            lambda found: terms.Not(terms.SchedulerStarted(durations.parse(found["past"]))),
        ),
        (
            r"scheduler started (?P<past>.+) ago",
            lambda found: terms.SchedulerStarted(durations.parse(found["past"])),
        ),
        (r"scheduler has (?P<compared>more than |less than )?(?P<cycles>[0-9]{1,15}) cycles", _cycles),
        (r"env '(?P<env>.+)'", lambda found: terms.Parameter("env", found["env"])),
        (r"param '(?P<name>.+)' exists", lambda found: terms.Parameter(found["name"])),
        (r"param '(?P<name>.+)' is '(?P<value>.+)'", lambda found: terms.Parameter(found["name"], found["value"])),
    )
]
