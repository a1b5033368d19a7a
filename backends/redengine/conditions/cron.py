"""The minutes that a crontab(5) expression names: "*/5 8-18 * * MON-FRI"."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_MINUTE: Final = timedelta(minutes=1)
_DAYS_TO_LOOK: Final = 366 * 8 + 2  # the 29th of February is missing in 1900 and 2100
_MONTHS: Final = tuple(name.lower() for name in calendar.month_abbr)[1:]
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class _Field(NamedTuple):
    what: str
    low: int
    last: int  # of those that "*" stands for
    high: int  # Sunday is 0 and 7
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("minute", 0, 59, 59),
    _Field("hour", 0, 23, 23),
    _Field("day of month", 1, 31, 31),
    _Field("month", 1, 12, 12, _MONTHS),
    _Field("day of week", 0, 6, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """Single minutes, each a stretch of its own (`periods.Period`).

    Args:
        minutes, hours, months: The ones that count.
        days: Of the month; any if empty.
        weekdays: Monday is 0; any if empty. With both, one of them is enough.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    @property
    def is_full(self) -> bool:
        """See `periods.Period`."""
        return False

    def __contains__(self, now: datetime) -> bool:
        return now.minute in self.minutes and now.hour in self.hours and self._has_day(now)

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """See `periods.Period`."""
        minute = now.replace(second=0, microsecond=0)
        if now in self:
            return minute, now
        last = next(self._minutes(minute, -1), datetime.min)
        return last, min(now, last + _MINUTE)

    def next_start(self, now: datetime) -> datetime:
        """See `periods.Period`."""
        return next(self._minutes(now.replace(second=0, microsecond=0), 1), datetime.max)

    def next_edge(self, now: datetime) -> datetime:
        """See `periods.Period`."""
        if now in self:
            return now.replace(second=0, microsecond=0) + _MINUTE
        return self.next_start(now)

    def _has_day(self, now: datetime) -> bool:
        if now.month not in self.months:
            return False
        if self.days and self.weekdays:
            return now.day in self.days or now.weekday() in self.weekdays
        return (not self.days or now.day in self.days) and (not self.weekdays or now.weekday() in self.weekdays)

    def _minutes(self, minute: datetime, step: int) -> Iterator[datetime]:
        """The minutes that count, the given one left out, in the order of time or against it."""
        times = sorted(((hour, at) for hour in self.hours for at in self.minutes), reverse=step < 0)
        day = minute.replace(hour=0, minute=0)
        for _ in range(_DAYS_TO_LOOK):
            if self._has_day(day):
                found = (day.replace(hour=hour, minute=at) for hour, at in times)
                yield from (at for at in found if (at > minute if step > 0 else at < minute))
            day += timedelta(days=step)


def parse(text: str) -> Cron:
    """Return the minutes that an expression of five fields names.

    Raises:
        ValueError: It is no such expression, or no day is like this.
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ValueError(f"A cron expression has five fields, '*/5 8-18 * * MON-FRI', {text!r} has {len(parts)}")
    minutes, hours, days, months, weekdays = map(_values, parts, _FIELDS)
    cron = Cron(
        minutes,
        hours,
        days if parts[2] != "*" else frozenset(),
        months,
        frozenset((day - 1) % 7 for day in weekdays) if parts[4] != "*" else frozenset(),
    )
    if cron.next_start(datetime(2000, 1, 1)) == datetime.max:
        raise ValueError(f"There is no such day: {text!r}")
    return cron


def _values(text: str, field: _Field) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _part(part, field))


def _part(text: str, field: _Field) -> list[int]:
    body, slash, step = text.partition("/")
    if slash and not (step.isascii() and step.isdigit() and int(step)):
        raise ValueError(f"{step!r} is no step for the {field.what}")
    return _range(body, field, is_open=bool(slash))[:: int(step or 1)]


def _range(text: str, field: _Field, *, is_open: bool) -> list[int]:
    low, dash, high = text.partition("-")
    if text == "*":
        return list(range(field.low, field.last + 1))
    first = _number(low, field)
    last = _number(high, field) if dash else field.last if is_open else first
    if first <= last:
        return list(range(first, last + 1))
    return [*range(first, field.last + 1), *range(field.low, last + 1)]  # FRI-MON


def _number(text: str, field: _Field) -> int:
    if text.lower() in field.names:
        return field.names.index(text.lower()) + field.low
    if not (text.isascii() and text.isdigit() and field.low <= int(text) <= field.high):
        raise ValueError(f"{text!r} is no {field.what}: it goes from {field.low} to {field.high}")
    return int(text)
