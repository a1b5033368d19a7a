"""Texts that name a point in a second, minute, hour, day, week or month, as microseconds from its beginning."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

MILLISECOND: Final = 1000
SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

Scope = Literal["second", "minute", "hour", "day", "week", "month"]
LENGTHS: Final[dict[Scope, int]] = {
    "second": SECOND,
    "minute": MINUTE,
    "hour": HOUR,
    "day": DAY,
    "week": 7 * DAY,
    "month": 31 * DAY,
}
"""How long each is; the longest, where that differs."""
UNITS: Final[dict[Scope, int]] = {
    "second": MILLISECOND,
    "minute": SECOND,
    "hour": MINUTE,
    "day": HOUR,
    "week": DAY,
    "month": DAY,
}
"""How long "on" lasts in each."""
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_TIME = re.compile(r"(\d\d?)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)? ?([ap]m)?", re.IGNORECASE | re.ASCII)
_IN_HOUR = re.compile(r"(\d\d):(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_QUARTER = re.compile(r"([0-4]) ?(?:quarters?|q)", re.IGNORECASE | re.ASCII)
_IN_MINUTE = re.compile(r"(\d\d)(?:\.(\d{1,6}))?", re.ASCII)
_IN_SECOND = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)", re.ASCII)
_WEEKDAY = re.compile(r"([a-z]+)(?: (.+))?", re.IGNORECASE | re.ASCII)
_MONTH_DAY = re.compile(r"(\d\d?)(?:st|nd|rd|th|\.)?(?: (.+))?", re.IGNORECASE | re.ASCII)


class Anchor(NamedTuple):
    """A point in a scope.

    Attributes:
        start: Where it begins.
        end: Where a stretch ends that is said to last until it: with a day of the week or month, the end of that day.
    """

    start: int
    end: int


def parse(scope: Scope, text: str) -> Anchor:
    """Return the point that a text names.

    Raises:
        ValueError: There is no such point.
    """
    return _PARSERS[scope](text.strip())


def _second(text: str) -> Anchor:
    found = _IN_SECOND.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no part of a second: write milliseconds, '250'")
    return _point(round(float(found[1]) * MILLISECOND))


def _minute(text: str) -> Anchor:
    found = _IN_MINUTE.fullmatch(text)
    if found is None or int(found[1]) > 59:  # noqa: PLR2004 - a minute's last second
        raise ValueError(f"{text!r} is no second of a minute: write '30', '05'")
    return _point(int(found[1]) * SECOND + _fraction(found[2]))


def _hour(text: str) -> Anchor:
    quarter = _QUARTER.fullmatch(text)
    if quarter is not None:
        return _point(int(quarter[1]) * 15 * MINUTE)
    found = _IN_HOUR.fullmatch(text)
    if found is None or max(int(found[1]), int(found[2])) > 59:  # noqa: PLR2004 - last minute, last second
        raise ValueError(f"{text!r} is no time of an hour: write minutes and seconds, '15:00'")
    return _point(int(found[1]) * MINUTE + int(found[2]) * SECOND + _fraction(found[3]))


def _day(text: str) -> Anchor:
    found = _TIME.fullmatch(text)
    if found is None or not (found[2] or found[5]):
        raise ValueError(f"{text!r} is no time of day: write '10:00', '10:00:30' or '10 AM'")
    hour, minute, second = _hours(int(found[1]), found[5]), int(found[2] or 0), int(found[3] or 0)
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004 - the last of each
        raise ValueError(f"{text!r} is no time of day: it has hours up to 23, minutes and seconds up to 59")
    return _point(hour * HOUR + minute * MINUTE + second * SECOND + _fraction(found[4]))


def _hours(hour: int, half: str | None) -> int:
    if half is None:
        return hour
    if not 1 <= hour <= 12:  # noqa: PLR2004 - the face of a clock
        raise ValueError(f"With AM or PM hours go from 1 to 12, {hour} does not")
    return hour % 12 + (12 if half.lower() == "pm" else 0)


def _week(text: str) -> Anchor:
    found = _WEEKDAY.fullmatch(text)
    number = _weekday(found[1].lower()) if found else None
    if found is None or number is None:
        raise ValueError(f"{text!r} is no day of the week: write 'Mon', 'Monday' or 'Mon 10:00'")
    return _in_days(number, found[2])


def _weekday(name: str) -> int | None:
    return next((number for number, day in enumerate(WEEKDAYS) if name in (day, day[:3])), None)


def _month(text: str) -> Anchor:
    found = _MONTH_DAY.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= 31:  # noqa: PLR2004 - days of a month
        raise ValueError(f"{text!r} is no day of a month: write '1st', '15th' or '5th 10:00'")
    return _in_days(int(found[1]) - 1, found[2])


def _in_days(number: int, time: str | None) -> Anchor:
    if time is None:
        return Anchor(number * DAY, (number + 1) * DAY)
    return _point(number * DAY + _day(time).start)


def _point(offset: int) -> Anchor:
    return Anchor(offset, offset)


def _fraction(digits: str | None) -> int:
    return int((digits or "0").ljust(6, "0"))


_PARSERS: Final = {"second": _second, "minute": _minute, "hour": _hour, "day": _day, "week": _week, "month": _month}
