"""Recurring stretches of local time. Everything here is naive local time; `clock` leads to it and back."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from opsgate.backends.redengine.conditions import anchors
from opsgate.backends.redengine.conditions.anchors import LENGTHS, UNITS, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator

_CYCLES_AHEAD: Final = 4  # of any four months in a row, one has 31 days
_MICROSECOND: Final = timedelta(microseconds=1)


class Period(Protocol):
    """Stretches of time, one after the other."""

    @property
    def is_full(self) -> bool:
        """Whether one begins where the one before ends."""

    def __contains__(self, now: datetime) -> bool:
        """Whether this is in one of them."""

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """Return the one that this is in, up to here, or else the last one before."""

    def next_start(self, now: datetime) -> datetime:
        """Return when the next one begins, later than this."""

    def next_edge(self, now: datetime) -> datetime:
        """Return when the next one begins or ends, later than this."""


@dataclass(frozen=True, slots=True)
class Cycle:
    """A stretch of each second, minute, hour, day, week or month.

    Args:
        scope: Of which of them.
        start: Where it begins, in microseconds.
        end: Where it ends, and no longer belongs to it; before `start` it is that of the next cycle, at `start` the
            whole cycle belongs to it.
    """

    scope: Scope
    start: int
    end: int

    @property
    def is_full(self) -> bool:
        """See `Period`."""
        return self.start == self.end or (self.start == 0 and self.end == LENGTHS[self.scope])

    def __contains__(self, now: datetime) -> bool:
        if self.is_full:
            return True
        offset = (now - _origin(self.scope, now)) // _MICROSECOND
        if self.start < self.end:
            return self.start <= offset < self.end
        return offset >= self.start or offset < self.end

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """See `Period`."""
        start = max(self._starts(_backward(self.scope, now)), key=lambda at: (at <= now, at))
        if now in self:
            return start, now
        return start, max(self._ends(_backward(self.scope, now)), key=lambda at: (at <= now, at))

    def next_start(self, now: datetime) -> datetime:
        """See `Period`."""
        return min(at for at in self._starts(_forward(self.scope, now)) if at > now)

    def next_edge(self, now: datetime) -> datetime:
        """See `Period`."""
        start = self.next_start(now)
        if self.is_full:
            return start
        return min(start, *(at for at in self._ends(_forward(self.scope, now)) if at > now))

    def _starts(self, cycles: Iterator[datetime]) -> Iterator[datetime]:
        for origin in cycles:
            if self.start < _length(self.scope, origin):  # no month begins its 31st in April
                yield origin + self.start * _MICROSECOND

    def _ends(self, cycles: Iterator[datetime]) -> Iterator[datetime]:
        for origin in cycles:
            yield origin + min(self.end, _length(self.scope, origin)) * _MICROSECOND


def whole(scope: Scope) -> Cycle:
    """Return all of each cycle."""
    return Cycle(scope, 0, LENGTHS[scope])


def between(scope: Scope, start: str, end: str) -> Cycle:
    """Return what lies between two points.

    Raises:
        ValueError: There is no such point.
    """
    return Cycle(scope, anchors.parse(scope, start).start, anchors.parse(scope, end).end)


def after(scope: Scope, start: str) -> Cycle:
    """Return what lies behind a point; as `between`."""
    return Cycle(scope, anchors.parse(scope, start).start, LENGTHS[scope])


def before(scope: Scope, end: str) -> Cycle:
    """Return what lies in front of a point; as `between`."""
    return Cycle(scope, 0, anchors.parse(scope, end).end)


def starting(scope: Scope, start: str) -> Cycle:
    """Return whole cycles that begin at a point; as `between`."""
    at = anchors.parse(scope, start).start
    return Cycle(scope, at, at)


def on(scope: Scope, start: str) -> Cycle:
    """Return the day (hour, minute ...) that begins at a point; as `between`."""
    at = anchors.parse(scope, start).start
    end = at + UNITS[scope]
    return Cycle(scope, at, end - LENGTHS[scope] if end > LENGTHS[scope] else end)


def _origin(scope: Scope, now: datetime) -> datetime:
    if scope == "second":
        return now.replace(microsecond=0)
    if scope == "minute":
        return now.replace(second=0, microsecond=0)
    if scope == "hour":
        return now.replace(minute=0, second=0, microsecond=0)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if scope == "day":
        return day
    return day - timedelta(days=day.weekday()) if scope == "week" else day.replace(day=1)


def _length(scope: Scope, origin: datetime) -> int:
    if scope == "month":
        return calendar.monthrange(origin.year, origin.month)[1] * anchors.DAY
    return LENGTHS[scope]


def _forward(scope: Scope, now: datetime) -> Iterator[datetime]:
    """The beginning of the cycle that this is in, and of those that follow."""
    origin = _origin(scope, now)
    for _ in range(_CYCLES_AHEAD):
        yield origin
        origin += _length(scope, origin) * _MICROSECOND


def _backward(scope: Scope, now: datetime) -> Iterator[datetime]:
    """The beginning of the cycle that this is in, and of those before it."""
    origin = _origin(scope, now)
    for _ in range(_CYCLES_AHEAD):
        yield origin
        origin = _origin(scope, origin - _MICROSECOND)
