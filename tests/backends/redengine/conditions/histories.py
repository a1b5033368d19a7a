"""Made-up pasts of three tasks, the same on each call, and moments at which conditions are asked what they think."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Record = tuple[str, str, float]
"""Task, action, seconds since 1970."""
ENDS = ("success", "success", "success", "fail", "terminate", "inaction")
BEGINNINGS = (datetime(2026, 9, 20), datetime(2028, 1, 25), datetime(2026, 10, 28))
DAYS = 41
EDGES = ("00:00:00", "07:59:59", "08:00:00", "10:00:00", "10:15:00", "12:00:00", "12:30:00", "22:00:00", "23:59:59")


@dataclass(frozen=True)
class Past:
    """What has been, and when to ask.

    Attributes:
        records: In order.
        moments: In order.
        started: How long before each moment the scheduler was started, in seconds.
        parameters: Of the session.
    """

    records: tuple[Record, ...]
    moments: tuple[float, ...]
    started: float
    parameters: Mapping[str, Any]

    def at(self, moment: float) -> tuple[Record, ...]:
        """What had been by then."""
        return tuple(record for record in self.records if record[2] <= moment)


def running(records: tuple[Record, ...]) -> set[str]:
    """The tasks that have begun and not ended."""
    last = {task: action for task, action, _ in records}
    return {task for task, action in last.items() if action == "run"}


def pasts() -> list[Past]:
    """All of them."""
    chance = random.Random(7)  # noqa: S311 - nothing secret
    pauses = (1200.0, 40_000.0, 500_000.0)
    return [
        _past(chance, beginning, pause, started)
        for beginning in BEGINNINGS
        for pause, started in zip(pauses, (0.35, 300.0, 5000.0), strict=True)
    ]


def _past(chance: random.Random, beginning: datetime, pause: float, started: float) -> Past:
    records = [record for task in ("me", "x", "y") for record in _life(chance, task, beginning, pause)]
    moments = sorted(at.timestamp() for at in _moments(chance, beginning))
    parameters = {"env": "test", "k": "v"} if pause > 5000 else {"env": "other"}
    return Past(tuple(sorted(records, key=lambda record: record[2])), tuple(moments), started, parameters)


def _life(chance: random.Random, task: str, beginning: datetime, pause: float) -> Iterator[Record]:
    at, end = beginning.timestamp(), (beginning + timedelta(days=DAYS)).timestamp()
    while True:
        at += pause * 2 * chance.random() + 0.125
        if at > end:
            return
        yield task, "run", round(at, 3)
        at += min(pause, 4000) * chance.random() + 0.125
        yield task, ENDS[int(chance.random() * len(ENDS))], round(at, 3)


def _moments(chance: random.Random, beginning: datetime) -> Iterator[datetime]:
    for _ in range(12):
        yield beginning + timedelta(seconds=int(chance.random() * DAYS * 86400), milliseconds=500)
        hour, minute, second = map(int, EDGES[int(chance.random() * len(EDGES))].split(":"))
        day = beginning + timedelta(days=int(chance.random() * DAYS))
        yield day.replace(hour=hour, minute=minute, second=second, microsecond=1000)
