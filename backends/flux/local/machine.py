"""`NodesPort` and `ServicePort` of one machine."""

from __future__ import annotations

import asyncio
import os
from typing import Final

from opsgate.backends.flux.local.describing import host
from opsgate.backends.flux.local.submitting import API
from opsgate.backends.flux.port import Resources
from opsgate.backends.jobs.engine import Engine, OpenEngine
from opsgate.backends.jobs.model import Query
from opsgate.backends.jobs.states import State

_WAITING: Final = (State.CREATED, State.QUEUED)
_AT_ONCE: Final = 64


class Machine:
    """This machine, as far as jobs of the Flux API may use it.

    Args:
        engine: Gives the job engine.
    """

    def __init__(self, engine: OpenEngine) -> None:
        self._engine = engine

    async def nodes(self) -> list[str]:
        """See `NodesPort`."""
        return [host()]

    async def resources(self) -> Resources:
        """See `NodesPort`."""
        return Resources(nodes=1, cores=await self.cores())

    async def cores(self) -> int:
        """Return how many cores jobs may use together; those of the machine, where there is no limit."""
        _, limit = await (await self._engine()).usage(API)
        return limit or len(os.sched_getaffinity(0))

    async def stop(self) -> None:
        """End all jobs: those that wait first, so that none of them begins."""
        engine = await self._engine()
        for states in (_WAITING, (State.STARTING, State.RUNNING)):
            for at_once in _parts([job.id for job in await engine.jobs(API, Query(states))]):
                await asyncio.gather(*(_end(engine, job_id) for job_id in at_once))


async def _end(engine: Engine, job_id: str) -> None:
    await engine.kill(API, job_id, created=True)


def _parts(job_ids: list[str]) -> list[list[str]]:
    return [job_ids[first : first + _AT_ONCE] for first in range(0, len(job_ids), _AT_ONCE)]
