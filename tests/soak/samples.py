"""What is seen of a service at one moment."""

from __future__ import annotations

import sqlite3
import statistics
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.soak.site import Site
from tests.soak.stream import Answered

MEMORY, DESCRIPTORS, THREADS, CHILDREN, STORED, ROWS, FILES, MEDIAN, SLOWEST = (
    "memory",
    "descriptors",
    "threads",
    "children",
    "stored",
    "rows",
    "files",
    "p50",
    "p99",
)
"""Kinds of what is seen: bytes resident, numbers, bytes of a database and what is written ahead of it, seconds."""

Key = tuple[str, str]
"""A kind, and of what it is."""
_LONG = ("journal", "gone", "sqlite_sequence")
"""Tables that are not looked at: of changes the last 100,000 are kept, of deleted tasks the last 1000."""


@dataclass(frozen=True)
class Sample:
    """What was seen.

    Attributes:
        at: Seconds since the beginning.
        requests: Answers since the sample before.
        values: By kind and of what.
    """

    at: float
    requests: int
    values: dict[Key, float]


def taken(site: Site, at: float, answered: list[Answered]) -> Sample:
    """Look at the processes, the state directory, and how long answers took."""
    values = dict(_of_processes(site)) | dict(_of_files(site.state)) | dict(_of_answers(answered))
    return Sample(at, len(answered), values)


def _of_processes(site: Site) -> Iterable[tuple[Key, float]]:
    for kind, processes in site.processes().items():
        for process in processes:
            # A worker that takes another's place is another one: the first is missed then.
            name = f"{kind} {process.pid}" if kind == "worker" else kind
            with process.oneshot():
                yield (MEMORY, name), process.memory_info().rss
                yield (DESCRIPTORS, name), process.num_fds()
                yield (THREADS, name), process.num_threads()
                yield (CHILDREN, name), len(process.children())


def _of_files(state: Path) -> Iterable[tuple[Key, float]]:
    for database in sorted(state.rglob("*.db")):
        ahead = database.with_name(f"{database.name}-wal")
        yield (STORED, str(database.relative_to(state))), _size(database) + _size(ahead)
        for table, rows in _tables(database):
            yield (ROWS, f"{table} in {database.name}"), rows
    for part in sorted(part for part in state.iterdir() if part.is_dir()):
        yield (FILES, part.name), sum(1 for _ in part.rglob("*"))


def _tables(database: Path) -> list[tuple[str, int]]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [
            (name, db.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 - its own
            for name in names
            if name not in _LONG
        ]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _of_answers(answered: list[Answered]) -> Iterable[tuple[Key, float]]:
    for api in sorted({one.api for one in answered}):
        seconds = sorted(one.seconds for one in answered if one.api == api and not one.waits)
        if seconds:
            yield (MEDIAN, api), statistics.median(seconds)
            yield (SLOWEST, api), seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))]
