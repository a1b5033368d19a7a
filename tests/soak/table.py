"""Samples and verdict as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.soak.samples import CHILDREN, DESCRIPTORS, FILES, MEDIAN, MEMORY, SLOWEST, STORED, THREADS, Sample
from tests.soak.verdict import Judged

_MIB = 2**20
_COLUMNS = (MEMORY, DESCRIPTORS, THREADS, CHILDREN)
_WATCHED = ("worker", "scheduler")
HEAD = (
    "| minutes | answers/s | workers, scheduler: MiB | descriptors | threads | children "
    "| stores, MiB | files | p50, ms | p99, ms |\n|---|---|---|---|---|---|---|---|---|---|"
)


def row(sample: Sample, since: float) -> str:
    """A sample in one line; `since` is when the one before was taken. Latencies are those of the slowest API."""
    told = [_of_processes(sample, kind) for kind in _COLUMNS]
    stored = sum(_of(sample, STORED)) / _MIB
    files = sum(_of(sample, FILES))
    median, slowest = (max(_of(sample, kind), default=0) for kind in (MEDIAN, SLOWEST))
    rate = sample.requests / max(sample.at - since, 1e-9)
    cells = [f"{sample.at / 60:.1f}", f"{rate:.1f}", *told, f"{stored:.2f}", f"{files:.0f}"]
    return f"| {' | '.join([*cells, f'{median * 1000:.0f}', f'{slowest * 1000:.0f}'])} |"


def verdict(found: Sequence[Judged]) -> str:
    """What grew, and how much everything else did, the most of each kind."""
    lines = ["| | first half | second half | allowed | |", "|---|---|---|---|---|"]
    for one in found:
        values = " | ".join(_shown(one.key[0], value) for value in (one.first, one.second, one.allowed))
        lines.append(f"| {one.key[0]} of {one.key[1]} | {values} | {'grew' if one.grew else ''} |")
    return "\n".join(lines)


def _of(sample: Sample, kind: str) -> list[float]:
    return [value for (of_kind, _), value in sample.values.items() if of_kind == kind]


def _of_processes(sample: Sample, kind: str) -> str:
    return ", ".join(_shown(kind, value) for value in _watched(sample, kind))


def _watched(sample: Sample, kind: str) -> Iterator[float]:
    for name in _WATCHED:
        yield from (value for key, value in sample.values.items() if key[0] == kind and key[1].startswith(name))


def _shown(kind: str, value: float) -> str:
    if kind in (MEMORY, STORED):
        return f"{value / _MIB:.1f}" if kind == MEMORY else f"{value / _MIB:.2f}"
    return f"{value * 1000:.1f}" if kind in (MEDIAN, SLOWEST) else f"{value:g}"
