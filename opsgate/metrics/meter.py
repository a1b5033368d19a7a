"""Counts answers and failures of this process. Each request passes here, so it is half a microsecond's work."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from opsgate.backends.calls import Calls
from opsgate.backends.calls import Tally as CallTally
from opsgate.backends.errors import EngineError

K = TypeVar("K")
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
        engines: What the backends count of their calls to engines.
    """

    def __init__(self) -> None:
        """Begin at nothing."""
        self.answers: dict[tuple[Label, int], Tally] = {}
        self.failures: dict[tuple[str, str], int] = {}
        self.engines: list[Calls] = []

    def watch(self, engines: Iterable[Calls]) -> None:
        """Have the calls to these engines among the counts; those of an engine that several APIs share only once."""
        self.engines += [engine for engine in engines if engine not in self.engines]

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
        counts = Counts({key: list(tally) for key, tally in self.answers.items()}, dict(self.failures), {})
        for engine in self.engines:
            _add(counts.calls, {(engine.engine, name): tally for name, tally in engine.tallies.items()})
        return counts


class Counts(NamedTuple):
    """What was counted, by one process or by several."""

    answers: dict[tuple[Label, int], Tally]
    failures: dict[tuple[str, str], int]
    calls: dict[tuple[str, str], CallTally]
    """By engine and name of the call."""

    def add(self, other: Counts) -> None:
        """Add what another process counted."""
        _add(self.answers, other.answers)
        _add(self.calls, other.calls)
        for name, number in other.failures.items():
            self.failures[name] = self.failures.get(name, 0) + number


def _add(to: dict[K, list[float]], more: Mapping[K, list[float]]) -> None:
    for key, tally in more.items():
        own = to.setdefault(key, [0.0] * len(tally))
        own[:] = [mine + theirs for mine, theirs in zip(own, tally, strict=True)]
