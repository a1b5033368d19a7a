"""Counts answers and failures of this process. Each request passes here, so it is half a microsecond's work."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from opsgate.backends.errors import EngineError

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""Upper ends of the groups that durations are counted in, seconds; longer ones are in a last group."""


class Label(NamedTuple):
    """What a request was for: an operation of an API, or, both empty, something else."""

    api: str
    operation: str


OPERATION: Final = "opsgate.operation"
"""Where a request's scope has its `Label`."""

OTHER: Final = Label("", "")

Tally = list[float]
"""Seconds in all, then the number of answers in each group of durations."""


class Meter:
    """The counts of one process.

    Attributes:
        answers: By API, operation and status.
        failures: How often an engine failed, by API and meaning (`Timeout`, `Unavailable` …).
    """

    def __init__(self) -> None:
        """Begin at nothing."""
        self.answers: dict[tuple[Label, int], Tally] = {}
        self.failures: dict[tuple[str, str], int] = {}

    def answered(self, scope: Mapping[str, Any], status: int, seconds: float) -> None:
        """Count an answer; `seconds` is from the arrival of the request to the beginning of the answer."""
        label = scope.get(OPERATION, OTHER)
        tally = self.answers.get((label, status))
        if tally is None:
            tally = self.answers[label, status] = [0.0] * (len(BOUNDS) + 2)
        tally[0] += seconds
        tally[bisect_left(BOUNDS, seconds) + 1] += 1

    def failed(self, api: str, failure: EngineError) -> None:
        """Count an engine's failure that was answered."""
        key = api, type(failure).__name__
        self.failures[key] = self.failures.get(key, 0) + 1

    def counts(self) -> Counts:
        """A copy of all that was counted."""
        return Counts({key: list(tally) for key, tally in self.answers.items()}, dict(self.failures))


class Counts(NamedTuple):
    """What was counted, by one process or by several."""

    answers: dict[tuple[Label, int], Tally]
    failures: dict[tuple[str, str], int]

    def add(self, other: Counts) -> None:
        """Add what another process counted."""
        for key, tally in other.answers.items():
            own = self.answers.setdefault(key, [0.0] * len(tally))
            own[:] = [mine + theirs for mine, theirs in zip(own, tally, strict=True)]
        for name, number in other.failures.items():
            self.failures[name] = self.failures.get(name, 0) + number
