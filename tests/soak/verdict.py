"""Whether something grew: the median of the second half of the samples beside that of the first."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.soak.samples import CHILDREN, DESCRIPTORS, FILES, MEDIAN, MEMORY, ROWS, SLOWEST, STORED, THREADS, Key, Sample

_WARM_UP = 0.25
"""The part of the samples that is not looked at: caches fill, retention has nothing to remove yet."""
_FEWEST = 4
"""Samples of which halves can be made."""
_MIB = 2**20


@dataclass(frozen=True)
class Bound:
    """How much more may be there: a part of what was there, and so much in any case."""

    part: float
    least: float

    def allowed(self, before: float) -> float:
        """The most that may be there."""
        return before + max(self.part * before, self.least)


SIZES: Mapping[str, Bound] = {
    MEMORY: Bound(0.05, 6 * _MIB),
    DESCRIPTORS: Bound(0.1, 4),
    THREADS: Bound(0.1, 2),
    CHILDREN: Bound(0, 1),
    STORED: Bound(0.1, 8 * _MIB),
    ROWS: Bound(0.1, 20),
    FILES: Bound(0.1, 100),
}
"""What does not depend on how busy the machine is. Of stores so much as the journal of changes may become."""
SHORT: Mapping[str, Bound] = {
    MEMORY: Bound(0, 24 * _MIB),
    DESCRIPTORS: Bound(0, 30),
    THREADS: Bound(0, 12),
    CHILDREN: Bound(0, 4),
    STORED: Bound(0, 8 * _MIB),
    ROWS: Bound(0, 300),
    FILES: Bound(0, 1000),
}
"""The same for less than a minute, in which nothing levels off: only what grows with each request is seen."""
LATENCIES: Mapping[str, Bound] = {MEDIAN: Bound(0.5, 0.01), SLOWEST: Bound(1, 0.1)}
"""What does: to be judged where nothing else runs beside."""
ALL: Mapping[str, Bound] = {**SIZES, **LATENCIES}


@dataclass(frozen=True)
class Judged:
    """What became of one thing.

    Attributes:
        key: What it is.
        first: Its median in the first half after the warm-up.
        second: That in the second half.
        allowed: The most that `second` may be.
    """

    key: Key
    first: float
    second: float
    allowed: float

    @property
    def grew(self) -> bool:
        """Whether there is more than may be."""
        return self.second > self.allowed


def judged(samples: Sequence[Sample], bounds: Mapping[str, Bound]) -> list[Judged]:
    """Compare the halves, for each thing of the kinds that have a bound.

    Raises:
        ValueError: There are too few samples; something is not in all of them: a process was replaced.
    """
    warm = samples[int(len(samples) * _WARM_UP) :]
    if len(warm) < _FEWEST:
        raise ValueError(f"{len(samples)} samples are too few to be judged")
    return [_judged(key, series, bounds[key[0]]) for key, series in _series(warm) if key[0] in bounds]


def _series(samples: Sequence[Sample]) -> Iterator[tuple[Key, list[float]]]:
    for key in sorted({key for sample in samples for key in sample.values}):
        series = [sample.values[key] for sample in samples if key in sample.values]
        if len(series) < len(samples) and key[0] in SIZES:
            raise ValueError(f"{' of '.join(key)} was seen in {len(series)} of {len(samples)} samples")
        yield key, series


def _judged(key: Key, series: Sequence[float], bound: Bound) -> Judged:
    middle = len(series) // 2
    first, second = statistics.median(series[:middle]), statistics.median(series[middle:])
    return Judged(key, first, second, bound.allowed(first))
