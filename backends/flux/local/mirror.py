"""The table of this worker, kept current from the job engine's journal.

Nothing follows the journal: whoever asks for the table asks the store, first, for one number, which tells whether
anything changed since. So no worker ever answers with less than what any worker has answered before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from opsgate.backends.flux.local import numbers
from opsgate.backends.flux.local.describing import describe
from opsgate.backends.flux.local.submitting import API
from opsgate.backends.flux.table import MOST_INACTIVE, Table
from opsgate.backends.jobs.engine import Engine, OpenEngine
from opsgate.backends.jobs.model import Changed, Job, Query
from opsgate.backends.jobs.states import State

_AT_ONCE: Final = 500
"""Jobs that are read before others get their turn."""
_MOST_CHANGED: Final = 2000
"""With more of them the table is made anew."""
_WAITING: Final = (State.CREATED, State.QUEUED)
_HAVING_CORES: Final = (State.STARTING, State.RUNNING)


class Mirror:
    """A table of the jobs of the Flux API.

    Args:
        engine: Gives the job engine.
        most_inactive: How many jobs that are over it has.
    """

    def __init__(self, engine: OpenEngine, most_inactive: int = MOST_INACTIVE) -> None:
        self._open = engine
        self._most = most_inactive
        self._engine: Engine | None = None
        self._table = Table("")
        self._looked = -1
        self._lock = asyncio.Lock()

    async def current(self) -> Table:
        """Return the table as it is now; it goes on changing."""
        engine = await self._open()
        while engine is not self._engine or await engine.last_change() != self._looked:
            async with self._lock:
                await self._catch_up(engine)
        return self._table

    async def _catch_up(self, engine: Engine) -> None:
        changed = await engine.changed(API, self._looked, _MOST_CHANGED) if engine is self._engine else None
        if changed is None:
            await self._begin_anew(engine)
        else:
            self._take(changed)

    def _take(self, changed: Changed) -> None:
        for job in sorted(changed.jobs, key=_turn):
            self._table.put(describe(job))
        for number in map(numbers.number_of, changed.deleted):
            self._table.remove(number)
        if changed.jobs or changed.deleted:
            self._table.mark(changed.change)
        self._looked = changed.looked

    async def _begin_anew(self, engine: Engine) -> None:
        looked = await engine.last_change()  # before: what changes meanwhile is taken once more
        table = Table(f"local{engine.identity():x}", self._most)
        async for jobs in self._all(engine):
            for job in jobs:
                table.put(describe(job))
            await asyncio.sleep(0)
        table.mark(looked)
        self._engine, self._table, self._looked = engine, table, looked

    async def _all(self, engine: Engine) -> AsyncIterator[list[Job]]:
        """All jobs, a piece at a time; those that have begun, and those that are over, in that order."""
        async for jobs in _pages(engine, _WAITING):
            yield jobs
        having_cores = [job async for jobs in _pages(engine, _HAVING_CORES) for job in jobs]
        yield sorted(having_cores, key=_turn)
        over = await engine.count(API, Query((State.FINISHED,)))
        query = Query((State.FINISHED,), order="ended", offset=max(0, over - self._most), limit=_AT_ONCE)
        while jobs := await engine.jobs(API, query):
            yield jobs
            query = Query((State.FINISHED,), order="ended", after=jobs[-1].ended, limit=_AT_ONCE)


async def _pages(engine: Engine, states: tuple[State, ...]) -> AsyncIterator[list[Job]]:
    query = Query(states, limit=_AT_ONCE)
    while jobs := await engine.jobs(API, query):
        yield jobs
        query = Query(states, after=jobs[-1].seq, limit=_AT_ONCE)


def _turn(job: Job) -> int:
    """Its place among those that are listed beside it: where it ended, or began."""
    return job.ended or job.began or 0
