"""Starts the runners of jobs that this process claimed, and gives back the claims that come to nothing."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

from opsgate.backends.errors import EngineError, Invalid, Timeout, Unavailable
from opsgate.backends.jobs import queue, recovery
from opsgate.backends.jobs.database import Database
from opsgate.backends.jobs.layout import SPEC, write_whole

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from opsgate.backends.jobs.executor import Executor
    from opsgate.backends.jobs.layout import Layout
    from opsgate.backends.jobs.writer import Writer

_log = logging.getLogger(__name__)


class Launcher:
    """Starts runners beside whatever else this process does: an accepted job does not wait for its process.

    Args:
        layout: The state directory.
        reader: A connection to read with.
        writer: Takes the changes.
        executors: By name.
        submitted: Called when another executor has taken a job, which reports by files from now on.
    """

    def __init__(
        self,
        layout: Layout,
        reader: sqlite3.Connection,
        writer: Writer,
        executors: Mapping[str, Executor],
        submitted: Callable[[], None],
    ) -> None:
        self._layout, self._reader, self._writer, self._executors = layout, reader, writer, executors
        self._submitted = submitted
        self._tasks: set[asyncio.Task[None]] = set()
        self.names = tuple(executors)

    def launch(self, job_ids: Iterable[str]) -> None:
        """Start runners for jobs that were claimed."""
        for job_id in job_ids:
            self._beside(self._start(job_id))

    def tell(self, job_id: str) -> None:
        """Tell the runner of a job that somebody wants it ended."""
        self._beside(self._signal(job_id))

    async def close(self) -> None:
        """Wait for the starts under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def executor(self, name: str) -> Executor:
        """Return an executor by its name.

        Raises:
            Invalid: There is none.
        """
        if name not in self._executors:
            raise Invalid(f"There is no executor {name!r}")
        return self._executors[name]

    def _beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start(self, job_id: str) -> None:
        try:
            await self._submit(job_id)
        except (EngineError, OSError) as error:
            _log.warning("The runner of job %s did not start: %s", job_id, error)
            is_away = isinstance(error, Unavailable | Timeout) and self._is_elsewhere(job_id)
            await asyncio.to_thread(self._give_back, job_id, counts=not is_away)

    async def _submit(self, job_id: str) -> None:
        row = self._row(job_id)
        if row is None:
            return
        name, claim, _ = row
        if name == queue.LOCAL:
            await self.executor(name).submit(self._layout.job(job_id))
            return
        handle = await self.executor(name).submit(await asyncio.to_thread(self._write_spec, job_id))
        statement = "UPDATE job SET handle = ? WHERE id = ? AND claim = ?"
        await self._writer.do(lambda db: db.execute(statement, (handle, job_id, claim)).rowcount)
        self._submitted()

    async def _signal(self, job_id: str) -> None:
        row = self._row(job_id)
        if row is None:
            return
        name, _, handle = row
        if name == queue.LOCAL:
            handle = self._layout.job(job_id)
        if handle is None or name not in self._executors:
            return
        try:
            await self._executors[name].signal(handle, signal.SIGTERM)
        except EngineError as error:  # whoever collects what that executor's runners say will ask again
            _log.warning("The runner of job %s could not be told to end: %s", job_id, error)

    def _is_elsewhere(self, job_id: str) -> bool:
        """Whether a job is another executor's: while that one is away its jobs wait, however long."""
        row = self._row(job_id)
        return row is not None and row[0] != queue.LOCAL

    def _row(self, job_id: str) -> tuple[str, str, str | None] | None:
        row: tuple[str, str, str | None] | None = self._reader.execute(
            "SELECT executor, claim, handle FROM job WHERE id = ? AND state IN ('starting', 'running')", (job_id,)
        ).fetchone()
        return row

    def _write_spec(self, job_id: str) -> str:
        store = Database(self._layout)
        try:
            row = store.connection.execute(
                "SELECT body FROM spec JOIN job USING (seq) WHERE id = ?", (job_id,)
            ).fetchone()
        finally:
            store.close()
        job_dir = self._layout.create_job(job_id)
        write_whole(job_dir, SPEC, row[0].encode())
        return job_dir

    def _give_back(self, job_id: str, *, counts: bool) -> None:
        store = Database(self._layout)
        try:
            recovery.recover_one(store, self._layout, job_id, runner_failed=True, counts=counts)
        finally:
            store.close()
