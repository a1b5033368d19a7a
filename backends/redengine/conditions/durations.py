"""Durations: "10 min", "1 hour 30 min", "500 ms", "00:10:00", "1 days 00:10:00"."""

from __future__ import annotations

import re
from typing import Final

UNITS: Final = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
    **dict.fromkeys(("week", "weeks"), 604800.0),
}
LONGEST: Final = 100 * 366 * 86400.0
_CLOCK = r"(?P<hours>\d{1,6}):(?P<minutes>[0-5]?\d):(?P<seconds>[0-5]?\d(?:\.\d{1,9})?)"
_NOTHING: Final = re.compile(r"0 days 0+:0+:0+(\.0+)?|0", re.ASCII)
_PART = re.compile(rf"\s*(?:{_CLOCK}|(?P<number>\d{{1,12}}(?:\.\d{{1,9}})?)\s*(?P<unit>[a-z]+))[\s,]*", re.ASCII)


def parse(text: str) -> float:
    """Return the seconds of a duration.

    Raises:
        ValueError: It is none, or not longer than nothing, or longer than a hundred years.
    """
    total, at = 0.0, 0
    while at < len(text) or not at:
        found = _PART.match(text, at)
        if found is None or not found.end() > at:
            raise ValueError(f"{text!r} is no duration: write '10 min', '1 hour 30 min' or '00:10:00'")
        total += _seconds(found)
        at = found.end()
    if not 0 < total <= LONGEST:
        raise ValueError(f"A duration is longer than nothing and shorter than a hundred years, {text!r} is not")
    return total


def write(seconds: float) -> str:
    """Return a duration as the API writes it: `0 days 00:10:00`, with microseconds where there are some."""
    days, rest = divmod(round(seconds * 1_000_000), 86_400_000_000)
    minutes, micros = divmod(rest, 60_000_000)
    fraction = f".{micros % 1_000_000:06d}" if micros % 1_000_000 else ""
    return f"{days} days {minutes // 60:02d}:{minutes % 60:02d}:{micros // 1_000_000:02d}{fraction}"


def _seconds(found: re.Match[str]) -> float:
    if found["unit"] is None:
        return int(found["hours"]) * 3600.0 + int(found["minutes"]) * 60.0 + float(found["seconds"])
    if found["unit"] not in UNITS:
        raise ValueError(f"{found['unit']!r} is no unit of time: they are ms, s, min, hour, day, week")
    return float(found["number"]) * UNITS[found["unit"]]


def parse_any(text: str) -> float:
    """Return the seconds of a duration that may be nothing, or never end (0, as it is stored); as `parse`."""
    if text == "never" or _NOTHING.fullmatch(text):
        return 0.0
    return parse(text)
