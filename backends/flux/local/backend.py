"""The local engine as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from opsgate.backends.calls import Calls
from opsgate.backends.flux.local.events import LocalEvents
from opsgate.backends.flux.local.jobs import LocalJobs
from opsgate.backends.flux.local.machine import Machine
from opsgate.backends.flux.local.mirror import Mirror
from opsgate.backends.flux.local.submitting import API, Options
from opsgate.backends.flux.port import EngineName
from opsgate.backends.flux.table import MOST_INACTIVE
from opsgate.backends.jobs.engine import OpenEngine
from opsgate.backends.jobs.measures import by_state
from opsgate.backends.jobs.model import Query
from opsgate.backends.jobs.states import State
from opsgate.backends.measures import Measure

_OPTIONS: Final = Options()


class LocalBackend:
    """The Flux API without Flux. Nothing is opened before it is used.

    Args:
        engine: Gives the job engine.
        options: How jobs are run.
        most_listed: How many jobs that are over are listed; older ones are found by their numbers alone.
    """

    engine: EngineName = "local"

    def __init__(self, engine: OpenEngine, options: Options = _OPTIONS, most_listed: int = MOST_INACTIVE) -> None:
        self._open = engine
        self._mirror = Mirror(engine, most_listed)
        machine = Machine(engine)
        self.jobs = LocalJobs(engine, self._mirror, machine, options)
        self.events = LocalEvents(engine)
        self.nodes = machine
        self.service = machine

    async def aopen(self) -> None:
        """Open the job engine, which starts what waits, and read the jobs there are; once per worker."""
        await self._mirror.current()

    async def ready(self) -> dict[str, Any]:
        """Describe the engine: the jobs that run and wait."""
        engine = await self._open()
        running = await engine.count(API, Query(states=(State.STARTING, State.RUNNING)))
        waiting = await engine.count(API, Query(states=(State.CREATED, State.QUEUED)))
        return {"name": "local", "state": f"{running} running, {waiting} waiting"}

    @property
    def calls(self) -> Sequence[Calls]:
        """The changes of the job store."""
        return self._open.calls

    async def measures(self) -> Sequence[Measure]:
        """Count the jobs by state."""
        return await by_state(await self._open(), API)

    async def aclose(self) -> None:
        """Let go of the job engine; jobs run on."""
        await self._open.aclose()
