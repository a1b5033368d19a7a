"""What a condition can be. Each term tells whether it holds, and when that may change if nothing but time passes.

A term may promise less than it could: a moment at which it turns out not to have changed costs one more look. It must
never change before that moment without an event: a run that begins or ends, a parameter that is set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from opsgate.backends.redengine.conditions import clock
from opsgate.backends.redengine.conditions.clock import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from opsgate.backends.redengine.conditions.periods import Period

Action = Literal["run", "success", "fail", "terminate", "inaction"]
ENDS: Final[tuple[Action, ...]] = ("success", "fail", "terminate", "inaction")
CYCLE: Final = 0.1
"""Seconds of a scheduler's cycle, for conditions that count them; the real one sleeps until something is due."""


class Facts(Protocol):
    """What conditions ask about. Times are seconds since 1970."""

    def last(self, task: str, action: Action) -> float | None:
        """Return when a task last began (`run`) or ended so; None for never, and for a task that is not there."""

    def has_record(self, task: str, actions: tuple[Action, ...], start: float, end: float) -> bool:
        """Tell whether the log has one of these of this time, both ends included."""

    def is_running(self, task: str) -> bool:
        """Tell whether a task runs."""

    def parameters(self) -> Mapping[str, Any]:
        """Return the session's parameters."""

    def started(self) -> float:
        """Return when the scheduler was started."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What a condition is asked about.

    Args:
        now: Seconds since 1970.
        local: The same as clocks show it.
        me: The task that the condition belongs to.
        facts: About this and other tasks.
    """

    now: float
    local: datetime
    me: str
    facts: Facts


def moment(now: float, me: str, facts: Facts) -> Moment:
    """Return the moment `now`."""
    return Moment(now, clock.local(now), me, facts)


class Term(Protocol):
    """A condition, or a part of one. Terms with equal texts are equal."""

    def holds(self, at: Moment) -> bool:
        """Tell whether it holds."""

    def next_change(self, at: Moment) -> float:
        """Return the first moment, later than this, at which it may hold no more, or begin to; NEVER without one."""

    def parts(self) -> tuple[Term, ...]:
        """Return the terms it is made of."""

    def tasks(self) -> tuple[str, ...]:
        """Return the tasks it names itself, its parts left out."""


class _Alone:
    """A term that has no parts and names no task, unless it says otherwise."""

    __slots__ = ()

    def parts(self) -> tuple[Term, ...]:
        """See `Term`."""
        return ()

    def tasks(self) -> tuple[str, ...]:
        """See `Term`."""
        return ()


def walk(term: Term) -> Iterator[Term]:
    """Return a term and all it is made of."""
    yield term
    for part in term.parts():
        yield from walk(part)


@dataclass(frozen=True, slots=True)
class Always(_Alone):
    """Holds, or never does."""

    value: bool

    def holds(self, at: Moment) -> bool:  # noqa: ARG002 - see Term
        """See `Term`."""
        return self.value

    def next_change(self, at: Moment) -> float:  # noqa: ARG002 - see Term
        """See `Term`."""
        return NEVER


@dataclass(frozen=True, slots=True)
class Not:
    """Holds where its part does not."""

    part: Term

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        return not self.part.holds(at)

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        return self.part.next_change(at)

    def parts(self) -> tuple[Term, ...]:
        """See `Term`."""
        return (self.part,)

    def tasks(self) -> tuple[str, ...]:
        """See `Term`."""
        return ()


@dataclass(frozen=True, slots=True)
class _Several:
    terms: tuple[Term, ...]

    def parts(self) -> tuple[Term, ...]:
        """See `Term`."""
        return self.terms

    def tasks(self) -> tuple[str, ...]:
        """See `Term`."""
        return ()


@dataclass(frozen=True, slots=True)
class All(_Several):
    """Holds where all of its parts do."""

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        return all(term.holds(at) for term in self.terms)

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        return _next_change(self.terms, at, unless=False)


@dataclass(frozen=True, slots=True)
class AnyOf(_Several):
    """Holds where one of its parts does."""

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        return any(term.holds(at) for term in self.terms)

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        return _next_change(self.terms, at, unless=True)


def _next_change(terms: tuple[Term, ...], at: Moment, *, unless: bool) -> float:
    # As long as one part of an All does not hold, it cannot: it waits for the last of those; AnyOf likewise.
    decisive = [term.next_change(at) for term in terms if term.holds(at) is unless]
    return max(decisive) if decisive else min(term.next_change(at) for term in terms)


@dataclass(frozen=True, slots=True)
class During(_Alone):
    """Holds within a period: "time of day between 10:00 and 12:00"."""

    period: Period

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        return at.local in self.period

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        return NEVER if self.period.is_full else clock.epoch(self.period.next_edge(at.local), at.now)


@dataclass(frozen=True, slots=True)
class OncePer(_Alone):
    """Holds within a period until its task ends in it: "daily"; or, for cron, until it begins.

    Args:
        period: The period.
        actions: What must not have happened in it yet.
    """

    period: Period
    actions: tuple[Action, ...] = ENDS

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        return at.local in self.period and not self._happened(at)

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        if not self.holds(at):
            return clock.epoch(self.period.next_start(at.local), at.now)
        return NEVER if self.period.is_full else clock.epoch(self.period.next_edge(at.local), at.now)

    def _happened(self, at: Moment) -> bool:
        start = clock.earliest(self.period.span(at.local)[0])
        return any((at.facts.last(at.me, action) or 0.0) >= start for action in self.actions)


@dataclass(frozen=True, slots=True)
class Every(_Alone):
    """Holds when its task has not begun for so many seconds: "every 10 min".

    It does, too, when the clock was set back farther than that: the task would rest until the clock has caught up.
    """

    seconds: float

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        return at.now >= self._due(at)

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        return max(due, _just_after(at.now)) if (due := self._due(at)) > at.now else NEVER

    def _due(self, at: Moment) -> float:
        last = at.facts.last(at.me, "run")
        return 0.0 if last is None or last - self.seconds > at.now else last + self.seconds


@dataclass(frozen=True, slots=True)
class Happened(_Alone):
    """Holds when a task began or ended so in a period, or ever: "task 'x' has succeeded today".

    Args:
        actions: How.
        task: The task, its own if None.
        period: In the present stretch of this period, or else the last one.
    """

    actions: tuple[Action, ...]
    task: str | None = None
    period: Period | None = None

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        name = at.me if self.task is None else self.task
        times = [time for action in self.actions if (time := at.facts.last(name, action)) is not None]
        start, end = self._span(at)
        if any(start <= time <= end for time in times):
            return True
        return any(time > end for time in times) and at.facts.has_record(name, self.actions, start, end)

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        return NEVER if self.period is None else clock.epoch(self.period.next_start(at.local), at.now)

    def tasks(self) -> tuple[str, ...]:
        """See `Term`."""
        return () if self.task is None else (self.task,)

    def _span(self, at: Moment) -> tuple[float, float]:
        if self.period is None:
            return 0.0, NEVER
        start, end = self.period.span(at.local)
        return clock.earliest(start), NEVER if at.local in self.period else clock.epoch(end, clock.earliest(start))


@dataclass(frozen=True, slots=True)
class HappenedLately(_Alone):
    """Holds when a task began or ended so in the last seconds: "task 'x' has started past 2 hours"."""

    actions: tuple[Action, ...]
    seconds: float
    task: str | None = None

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        return at.now < self._until(at)

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        until = self._until(at)
        return until if until > at.now else NEVER

    def tasks(self) -> tuple[str, ...]:
        """See `Term`."""
        return () if self.task is None else (self.task,)

    def _until(self, at: Moment) -> float:
        name = at.me if self.task is None else self.task
        times = [time for action in self.actions if (time := at.facts.last(name, action)) is not None]
        return max(times) + self.seconds if times else 0.0


@dataclass(frozen=True, slots=True)
class Running(_Alone):
    """Holds while a task runs."""

    task: str

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        return at.facts.is_running(self.task)

    def next_change(self, at: Moment) -> float:  # noqa: ARG002 - see Term
        """See `Term`."""
        return NEVER

    def tasks(self) -> tuple[str, ...]:
        """See `Term`."""
        return (self.task,)


@dataclass(frozen=True, slots=True)
class After(_Alone):
    """Holds when another task ended so since its own last began: "after task 'x' failed"."""

    task: str
    actions: tuple[Action, ...]

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        times = [time for action in self.actions if (time := at.facts.last(self.task, action)) is not None]
        mine = at.facts.last(at.me, "run")
        return bool(times) and (mine is None or max(times) > mine)

    def next_change(self, at: Moment) -> float:  # noqa: ARG002 - see Term
        """See `Term`."""
        return NEVER

    def tasks(self) -> tuple[str, ...]:
        """See `Term`."""
        return (self.task,)


@dataclass(frozen=True, slots=True)
class SchedulerStarted(_Alone):
    """Holds when the scheduler was started in the last seconds."""

    seconds: float

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        return at.now < at.facts.started() + self.seconds

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        until = at.facts.started() + self.seconds
        return until if until > at.now else NEVER


@dataclass(frozen=True, slots=True)
class SchedulerCycles(_Alone):
    """Holds when the scheduler has more, fewer or just as many cycles behind it."""

    compared: Literal["more", "less", "equal"]
    cycles: int

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        reached, passed = (at.now >= edge for edge in self._edges(at))
        return {"more": passed, "less": not reached, "equal": reached and not passed}[self.compared]

    def next_change(self, at: Moment) -> float:
        """See `Term`."""
        return min((edge for edge in self._edges(at) if edge > at.now), default=NEVER)

    def _edges(self, at: Moment) -> tuple[float, float]:
        """When so many are done, and when one more."""
        started = at.facts.started()
        return started + self.cycles * CYCLE, started + (self.cycles + 1) * CYCLE


@dataclass(frozen=True, slots=True)
class Parameter(_Alone):
    """Holds when the session has a parameter, with this value if one is given."""

    name: str
    value: str | None = None

    def holds(self, at: Moment) -> bool:
        """See `Term`."""
        parameters = at.facts.parameters()
        if self.name not in parameters:
            return False
        return self.value is None or _as_text(parameters[self.name]) == self.value

    def next_change(self, at: Moment) -> float:  # noqa: ARG002 - see Term
        """See `Term`."""
        return NEVER


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _just_after(now: float) -> float:
    return now + 1e-6
