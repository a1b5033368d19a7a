"""The engines that the conformance suite runs against: each opens a backend that is this test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path

from opsgate.backends.errors import Conflict
from opsgate.backends.flux.broker.backend import BrokerBackend
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.local.backend import LocalBackend
from opsgate.backends.flux.local.submitting import Options
from opsgate.backends.flux.port import FluxBackend, Selection
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Query
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from opsgate.job_engine import JobEngine
from tests.engines import flux_instance
from tests.engines.flux_instance import Shared

Opener = Callable[[Path], AbstractAsyncContextManager[FluxBackend]]

CORES = 4
GRACE = 0.5
API = "flux"
_ON_THEIR_WAY = Query((State.CREATED, State.QUEUED, State.STARTING, State.RUNNING))


def job_engine(root: Path, cores: int | None = CORES) -> JobEngine:
    """Return what opens a job engine when it is needed."""
    return JobEngine(lambda: Settings(root, cores=cores, seconds_between_tidying=0.2))


def local_backend(root: Path, cores: int | None = CORES, **options: int) -> LocalBackend:
    """Return a backend on the state directory `root`, as one worker has it."""
    return LocalBackend(job_engine(root, cores), Options(grace=GRACE, **options))


async def end_all(root: Path) -> None:
    """End whatever runs below a state directory."""
    engine = await Engine.open(Settings(root, cores=1))
    for job in await engine.jobs(API, _ON_THEIR_WAY):
        await engine.kill(API, job.id, grace=0, created=True)
    for job in await engine.jobs(API, _ON_THEIR_WAY):
        await engine.wait(API, job.id, 30)
    await engine.close()


@asynccontextmanager
async def local(directory: Path) -> AsyncIterator[FluxBackend]:
    """The local engine on a store of its own; nothing of it is left running."""
    backend = local_backend(directory / "state")
    try:
        yield backend
    finally:
        is_quiet = (await backend.ready())["state"] == "0 running, 0 waiting"
        await backend.aclose()
        if not is_quiet:
            await end_all(directory / "state")


SHARED = Shared(CORES)
"""The Flux instance of the suite, where there is Flux."""


@asynccontextmanager
async def flux(_: Path) -> AsyncIterator[FluxBackend]:
    """The Flux engine in front of an instance that all tests share; nothing of its jobs is left."""
    backend = BrokerBackend(Connection(SHARED().uri))
    try:
        yield backend
    finally:
        page = await backend.jobs.jobs(Selection(states=("ACTIVE",), limit=None))
        for record in page:
            with suppress(Conflict):
                await backend.jobs.cancel(record.id)
        for record in page:
            await backend.jobs.job(record.id, wait=30)
        await backend.aclose()
        SHARED().run("job", "purge", "--force", "--num-limit=0")


def reachable() -> Mapping[str, Opener]:
    """Return the engines there are, by name."""
    return {"local": local} if flux_instance.missing() else {"local": local, "flux": flux}
