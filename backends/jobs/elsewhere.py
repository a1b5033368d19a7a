"""Jobs whose runners report by files, because another executor started them: collecting what they say."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from opsgate.backends.jobs import clocks, queue, recovery, transitions
from opsgate.backends.jobs.layout import STARTED, STATUS
from opsgate.backends.jobs.states import Cause, State

if TYPE_CHECKING:
    import sqlite3

    from opsgate.backends.jobs.executor import Executor
    from opsgate.backends.jobs.launcher import Launcher
    from opsgate.backends.jobs.layout import Layout
    from opsgate.backends.jobs.writer import Writer


class _Row(NamedTuple):
    id: str
    state: str
    claim: str
    claimer: str
    claimed_uptime: float
    boot: str
    executor: str
    handle: str | None
    killed: int
    status: str


_ROWS = f"""
    SELECT {", ".join(_Row._fields)} FROM job WHERE state IN ('starting', 'running') AND executor <> '{queue.LOCAL}'
"""  # noqa: S608 - made of our own names


class Collector:
    """Brings the store up to what runners elsewhere have written.

    Args:
        layout: The state directory.
        reader: A connection to read with.
        writer: Takes the changes.
        launcher: Knows the executors.
    """

    def __init__(self, layout: Layout, reader: sqlite3.Connection, writer: Writer, launcher: Launcher) -> None:
        self._layout, self._reader, self._writer, self._launcher = layout, reader, writer, launcher

    async def collect(self) -> bool:
        """Look at all such jobs; return whether there is any."""
        rows = [_Row._make(row) for row in self._reader.execute(_ROWS)]
        for row in rows:
            if row.executor in self._launcher.names:
                await self._look_after(row, self._launcher.executor(row.executor))
        return bool(rows)

    async def _look_after(self, row: _Row, executor: Executor) -> None:
        job_dir = self._layout.job(row.id)
        alive = row.handle is not None and await executor.alive(row.handle)  # asked first: its last words come before
        started, record = _read(f"{job_dir}/{STARTED}"), recovery.read_record(job_dir)
        if row.state == State.STARTING and started is not None:
            await self._writer.do(lambda db: transitions.begin(db, row.id, row.claim, _number(started.get("pid"))))
        await self._take_status(row, job_dir)
        if record is not None:
            await self._finish(row, _as_wanted(record, row))
        elif not alive:
            await self._missing(row, started)
        elif row.killed and row.handle is not None:  # it was asked when nobody could be told, or nobody listened yet
            await executor.signal(row.handle, signal.SIGTERM)

    async def _take_status(self, row: _Row, job_dir: str) -> None:
        status = _read(f"{job_dir}/{STATUS}")
        if status is not None and status != json.loads(row.status):
            text = json.dumps(status)
            await self._writer.do(lambda db: transitions.report(db, row.id, row.claim, text), durable=False)

    async def _missing(self, row: _Row, started: dict[str, Any] | None) -> None:
        if row.handle is None and _may_still_be_submitted(row):
            return  # its runner may be quicker than the note of its handle
        if started is not None:
            await self._finish(row, {"cause": Cause.LOST, "error": "Its executor does not know its runner any more"})
        elif row.killed:
            await self._finish(row, {"cause": Cause.CANCELLED})
        else:
            await self._writer.do(lambda db: transitions.requeue(db, row.id, row.claim, 1))

    async def _finish(self, row: _Row, ending: dict[str, object]) -> None:
        await self._writer.do(lambda db: transitions.finish(db, row.id, row.claim, ending))


def _as_wanted(record: dict[str, object], row: _Row) -> dict[str, object]:
    # To that runner a cancellation is a signal like any other; here it is known who sent it.
    if row.killed and record.get("cause") == Cause.INTERRUPTED:
        return record | {"cause": Cause.CANCELLED}
    return record


def _may_still_be_submitted(row: _Row) -> bool:
    return (
        row.boot == clocks.boot_id()
        and clocks.is_alive(row.claimer)
        and clocks.uptime() - row.claimed_uptime < recovery.LAUNCH_SECONDS
    )


def _read(path: str) -> dict[str, Any] | None:
    try:
        members = json.loads(Path(path).read_bytes())
    except (OSError, ValueError):
        return None
    return members if isinstance(members, dict) else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
