"""Hands runs to the job engine, follows what becomes of them, and records it."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from opsgate.backends.errors import Conflict, EngineError, Invalid, NotFound
from opsgate.backends.jobs.states import State
from opsgate.backends.redengine import changes, launching, progress, records
from opsgate.backends.redengine.tasks import API

if TYPE_CHECKING:
    from opsgate.backends.jobs.engine import Engine
    from opsgate.backends.jobs.model import Job
    from opsgate.backends.redengine.options import Options
    from opsgate.backends.redengine.store import Store

_log = logging.getLogger(__name__)
_SECONDS_BETWEEN_TRIES: Final = 1.0
_SECONDS_BETWEEN_ROUNDS: Final = 30.0
_UNDER_WAY: Final = "SELECT run_id FROM run WHERE state IN ('queued', 'running')"
_THESE_UNDER_WAY: Final = (
    "SELECT * FROM run WHERE state IN ('queued', 'running') AND run_id IN (SELECT value FROM json_each(?))"
)
_SHOWN_ERRORS: Final = 16 * 1024
_Step = Callable[[sqlite3.Connection], None]


class Recorder:
    """Looks after the runs that were handed over.

    Args:
        store: Where they are recorded.
        engine: What they are jobs of.
        options: How they are run.
    """

    def __init__(self, store: Store, engine: Engine, options: Options) -> None:
        self._store = store
        self._engine = engine
        self._options = options
        self._concerned: set[str] = set()
        self._wake = asyncio.Event()
        self._handing: set[str] = set()
        self._told: set[str] = set()
        self._work: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None
        """What nobody thought of: this recorder is then to be given up."""

    async def start(self) -> None:
        """Begin with what another scheduler left, and go on with what happens."""
        after = await self._engine.last_change()
        self._look_at_all((await self._store()).reader.db)
        for forever in (self._follow(after), self._record_all(), self._make_rounds()):
            self._begin(forever)

    async def close(self) -> None:
        """Stop looking; runs go on."""
        for work in self._work:
            work.cancel()
        await asyncio.gather(*tuple(self._work), return_exceptions=True)

    def hand_over(self, row: dict[str, Any], run_id: str) -> None:
        """Give a run to the job engine, and try until it takes it."""
        if run_id not in self._handing:
            self._handing.add(run_id)
            self._begin(self._hand(row, run_id))

    def end_unwanted(self, db: sqlite3.Connection) -> None:
        """End the runs that are to end, each once."""
        wanted = {run_id for (run_id,) in db.execute("SELECT run_id FROM run WHERE state <> 'ended' AND stop = 1")}
        self._told &= wanted
        for run_id in wanted - self._told - self._handing:
            self._told.add(run_id)
            self._begin(self._end(run_id))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.failure = self.failure or task.exception()

    async def _hand(self, row: dict[str, Any], run_id: str) -> None:
        try:
            await _insisting(lambda: self._create(row, run_id))
        finally:
            self._handing.discard(run_id)
        self.end_unwanted((await self._store()).reader.db)

    async def _create(self, row: dict[str, Any], run_id: str) -> None:
        try:
            await self._engine.create(launching.job(row, run_id, self._options), start=True, refuse_oversized=False)
        except Conflict:  # another scheduler had given it away before it ended
            self._look_at(run_id)
        except Invalid as error:
            now = changes.now()
            ending = progress.Ending("fail", now, now, 0.0, cause="not_started", exc_text=str(error))
            await self._store.do(lambda db: progress.ended(db, run_id, ending))

    async def _end(self, run_id: str) -> None:
        async def end() -> None:
            try:
                await self._engine.kill(API, run_id, created=True)
            except NotFound:  # it is given away next, or over
                self._told.discard(run_id)

        await _insisting(end)

    async def _follow(self, after: int) -> None:
        while True:
            try:
                async for event in self._engine.follow_events(API, after):
                    after = event.change
                    if event.event in (State.RUNNING, State.FINISHED, "deleted"):
                        self._look_at(event.id)
            except EngineError as error:
                _log.warning("The jobs cannot be followed: %s", error)
                await asyncio.sleep(_SECONDS_BETWEEN_TRIES)

    async def _make_rounds(self) -> None:
        """What no event told of: a runner that died with its keeper."""
        while True:
            await asyncio.sleep(_SECONDS_BETWEEN_ROUNDS)
            self._look_at_all((await self._store()).reader.db)
            await _insisting(self.tidy)

    async def tidy(self) -> None:
        """Remove old runs, with what they wrote, and old log records."""
        db = (await self._store()).reader.db
        old = progress.old_runs(db, self._options.keep_runs)
        for run_id in old:
            try:
                await self._engine.delete(API, run_id)
            except NotFound:
                continue
        await self._store.do(lambda db: progress.forget(db, old, self._options.keep_records), durable=False)

    def _look_at(self, run_id: str) -> None:
        self._concerned.add(run_id)
        self._wake.set()

    def _look_at_all(self, db: sqlite3.Connection) -> None:
        for (run_id,) in db.execute(_UNDER_WAY).fetchall():
            self._look_at(run_id)

    async def _record_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            concerned, self._concerned = self._concerned, set()
            await _insisting(functools.partial(self._record, concerned))

    async def _record(self, run_ids: set[str]) -> None:
        db = (await self._store()).reader.db
        found = changes.rows(db, _THESE_UNDER_WAY, (json.dumps(list(run_ids)),))
        steps = [step for run in found if (step := await self._step(run)) is not None]

        def record(db: sqlite3.Connection) -> None:
            for step in steps:
                step(db)

        if steps:
            await self._store.do(record)

    async def _step(self, run: dict[str, Any]) -> _Step | None:
        """What is to be recorded of a run, if anything is."""
        run_id = run["run_id"]
        try:
            job = await self._engine.get(API, run_id)
        except NotFound:
            return await self._without_job(run)
        if job.is_finished:
            ending = await self._ending(job)
            return lambda db: progress.ended(db, run_id, ending)
        if job.is_running and run["state"] == "queued":
            start = round(job.started_at or changes.now(), 6)
            return lambda db: progress.begun(db, run_id, start)
        return None

    async def _without_job(self, run: dict[str, Any]) -> _Step | None:
        if run["state"] == "running":
            ending = progress.lost(run, changes.now())
            return lambda db: progress.ended(db, run["run_id"], ending)
        db = (await self._store()).reader.db
        task = changes.rows(db, f"{records.TASK} WHERE seq = ?", (run["task"],))
        if task:
            self.hand_over(task[0], run["run_id"])
            return None
        ending = replace(progress.lost(run, changes.now()), action="terminate", cause="cancelled", exc_text=None)
        return None if run["run_id"] in self._handing else lambda db: progress.ended(db, run["run_id"], ending)

    async def _ending(self, job: Job) -> progress.Ending:
        ending = progress.of_job(job, changes.now())
        if job.spec["run"]["kind"] != "command" or job.cause is not None:
            return ending
        if ending.action == "success":
            written = await self._engine.output(API, job.id, limit=self._options.output)
            return replace(ending, return_value=json.dumps(written.data.decode(errors="replace"), ensure_ascii=False))
        errors = await self._engine.output(API, job.id, "stderr", offset=-_SHOWN_ERRORS, limit=_SHOWN_ERRORS)
        return replace(ending, exc_text=f"{ending.exc_text}\n{errors.data.decode(errors='replace')}".rstrip())


async def _insisting(attempt: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Repeat something until the stores take it."""
    while True:
        try:
            return await attempt()
        except EngineError as error:
            _log.warning("%s; trying again", error)
            await asyncio.sleep(_SECONDS_BETWEEN_TRIES)
