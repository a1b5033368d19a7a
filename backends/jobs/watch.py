"""Waiting for changes of jobs and growth of files, without asking again and again.

One inotify descriptor per process watches the bell, which every process rings after a change of the store, and the
output files somebody follows. Why not one of the libraries: the runner needs the same three calls and may import
nothing, so they exist (`linux.Inotify`).

Whoever changed something may be killed before it rings. So while anybody waits the journal is also looked at once
a second: one look-up by its primary key.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opsgate.backends.jobs import linux

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from opsgate.backends.jobs.layout import Layout

_SECONDS_BETWEEN_LOOKS = 1.0
_ANY = ""


class Watch:
    """Wakes those who wait in one event loop.

    Args:
        layout: The state directory.
        db: A connection to read the journal with.

    Raises:
        OSError: This user has used up the kernel's inotify instances.
    """

    def __init__(self, layout: Layout, db: sqlite3.Connection) -> None:
        self._db = db
        self._loop = asyncio.get_running_loop()
        self._inotify = linux.Inotify()
        self._bell = self._inotify.watch(layout.bell)
        self._seen = 0
        self._jobs: dict[str, set[asyncio.Event]] = {}
        self._files: dict[int, set[asyncio.Event]] = {}
        self._look: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._inotify.fd, self._ready)

    def close(self) -> None:
        """Wake nobody any more."""
        self._loop.remove_reader(self._inotify.fd)
        self._inotify.close()
        if self._look is not None:
            self._look.cancel()

    @contextmanager
    def job(self, job_id: str, event: asyncio.Event | None = None) -> Iterator[asyncio.Event]:
        """Have an event set at every change of a job, deletion included.

        Clear it before reading the job and wait for it after, so that nothing is missed in between.
        """
        event = event or asyncio.Event()
        if not self._jobs:
            self._seen = self._last_change()
            if self._look is None:
                self._look = self._loop.call_later(_SECONDS_BETWEEN_LOOKS, self._look_again)
        waiting = self._jobs.setdefault(job_id, set())
        waiting.add(event)
        try:
            yield event
        finally:
            waiting.discard(event)
            if not waiting and self._jobs.get(job_id) is waiting:
                del self._jobs[job_id]

    def any(self) -> AbstractContextManager[asyncio.Event]:
        """Have an event set at every change of any job; used like `job`."""
        return self.job(_ANY)

    @contextmanager
    def file(self, path: str, event: asyncio.Event) -> Iterator[None]:
        """Have an event set whenever something is written to a file.

        Raises:
            OSError: There is no such file, or the user's watches are used up.
        """
        number = self._inotify.watch(path)
        waiting = self._files.setdefault(number, set())
        waiting.add(event)
        try:
            yield
        finally:
            waiting.discard(event)
            if not waiting and self._files.get(number) is waiting:
                del self._files[number]
                self._inotify.forget(number)

    def _ready(self) -> None:
        numbers = self._inotify.read()
        for number in numbers:
            _set_all(self._files.get(number, ()))
        if self._bell in numbers:
            self._spread()

    def _look_again(self) -> None:
        self._spread()
        self._look = None
        if self._jobs:
            self._look = self._loop.call_later(_SECONDS_BETWEEN_LOOKS, self._look_again)

    def _spread(self) -> None:
        if not self._jobs:
            return
        rows = self._db.execute("SELECT change, id FROM journal WHERE change > ? ORDER BY change", (self._seen,))
        for change, job_id in rows.fetchall():
            self._seen = change
            _set_all(self._jobs.get(job_id, ()))
            _set_all(self._jobs.get(_ANY, ()))

    def _last_change(self) -> int:
        return int(self._db.execute("SELECT max(change) FROM journal").fetchone()[0])


def _set_all(events: set[asyncio.Event] | tuple[()]) -> None:
    for event in tuple(events):
        event.set()
