"""The job engine's jobs on Flux."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsgate.backends.errors import Unavailable
from opsgate.backends.flux import ids
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.broker.executor import NAME, FluxExecutor
from opsgate.backends.jobs import environment
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Code, Command, Job
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import Cause, State
from tests.backends.flux.broker.waiting import until
from tests.backends.jobs.support import API, QUICK, new, reach, run_to_end, shell, start, start_running, stdout
from tests.engines.flux_instance import FluxInstance

pytestmark = pytest.mark.anyio

ON_FLUX = {"executor": NAME}


@pytest.fixture
async def connection(shared: FluxInstance) -> AsyncIterator[Connection]:
    """A connection to the shared instance."""
    opened = Connection(shared.uri)
    yield opened
    await opened.aclose()


@pytest.fixture
async def engine(tmp_path: Path, connection: Connection, shared: FluxInstance) -> AsyncIterator[Engine]:
    """An engine whose jobs may run on Flux; none of them is left running."""
    executors = {NAME: FluxExecutor(connection, environment.base(), sys.executable)}
    opened = await Engine.open(Settings(tmp_path / "state", cores=0, executors=executors, seconds_between_tidying=0.1))
    yield opened
    await asyncio.to_thread(shared.run, "cancel", "--all", "--quiet")
    await opened.close()


def state_in_flux(instance: FluxInstance, job: Job) -> str:
    """The state in which Flux has the runner of a job, and its result."""
    return instance.run("jobs", "-n", "-a", "-o", "{state} {result}", str(ids.parse(job.handle or ""))).strip()


class TestRun:
    async def test_to_the_end(self, engine: Engine, shared: FluxInstance) -> None:
        job = await run_to_end(engine, shell("echo hello; exit 3"), job=ON_FLUX)
        assert (job.executor, job.exit_code, job.cause) == (NAME, 3, None)
        assert await stdout(engine, job) == "hello\n"
        states = [event.event for event in await engine.events(API, 0) if event.event != "changed"]
        assert states == ["created", "queued", "starting", "running", "finished"]

        async def is_over() -> bool:
            return (await asyncio.to_thread(state_in_flux, shared, job)).startswith("INACTIVE")

        await until(is_over)

    async def test_result_and_exception(self, engine: Engine) -> None:
        returned, raised = await asyncio.gather(
            run_to_end(engine, Code("return_value = 3"), job=ON_FLUX), run_to_end(engine, Code("1 / 0"), job=ON_FLUX)
        )
        assert returned.ending["result"] == 3
        assert raised.ending["exception"]["type"] == "ZeroDivisionError"

    async def test_more_than_there_are_cores(self, engine: Engine) -> None:
        jobs = await asyncio.gather(*(start(engine, Command(("sleep", "0.2")), job=ON_FLUX) for _ in range(12)))
        over = [await reach(engine, job.id, State.FINISHED) for job in jobs]
        assert {job.exit_code for job in over} == {0}
        assert len({job.handle for job in over}) == 12

    async def test_nothing_of_ours_in_its_environment(
        self, engine: Engine, shared: FluxInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FLUX_TOKEN", "s3cret")
        job = await run_to_end(engine, Command(("env",)), job=ON_FLUX)
        spec = await asyncio.to_thread(shared.run, "job", "info", str(ids.parse(job.handle or "")), "jobspec")
        assert "s3cret" not in await stdout(engine, job) + spec


class TestEnd:
    async def test_kill_while_it_runs(self, engine: Engine) -> None:
        job = await start_running(engine, Command(("sleep", "600")), job=ON_FLUX)
        assert await engine.kill(API, job.id) is True
        ended = await reach(engine, job.id, State.FINISHED)
        assert (ended.killed, ended.cause) == (1, Cause.CANCELLED)

    async def test_kill_before_it_runs(self, engine: Engine, shared: FluxInstance) -> None:
        await asyncio.to_thread(shared.run, "queue", "stop", "--all")
        try:
            job = await start(engine, Command(("sleep", "600")), job=ON_FLUX)

            async def is_submitted() -> bool:
                return (await engine.get(API, job.id)).handle is not None

            await until(is_submitted)
            await engine.kill(API, job.id)
            ended = await reach(engine, job.id, State.FINISHED)
        finally:
            await asyncio.to_thread(shared.run, "queue", "start", "--all")
        assert (ended.cause, ended.started_at) == (Cause.CANCELLED, None)

    async def test_kill_at_once(self, engine: Engine) -> None:
        job = (await engine.create(new(Command(("sleep", "600")), job=ON_FLUX, limits=QUICK), start=True)).job
        await engine.kill(API, job.id)
        assert (await reach(engine, job.id, State.FINISHED)).cause == Cause.CANCELLED

    async def test_cancelled_in_flux(self, engine: Engine, shared: FluxInstance) -> None:
        job = await start_running(engine, Command(("sleep", "600")), job=ON_FLUX)
        handle = (await engine.get(API, job.id)).handle or ""
        await asyncio.to_thread(shared.run, "cancel", str(ids.parse(handle)))
        ended = await reach(engine, job.id, State.FINISHED)
        assert (ended.killed, ended.cause) == (0, Cause.INTERRUPTED)

    async def test_runner_killed(self, engine: Engine, shared: FluxInstance) -> None:
        job = await start_running(engine, Command(("sleep", "600")), job=ON_FLUX)
        handle = (await engine.get(API, job.id)).handle or ""
        await asyncio.to_thread(shared.run, "job", "kill", "-s", "KILL", str(ids.parse(handle)))
        assert (await reach(engine, job.id, State.FINISHED)).cause == Cause.LOST


class TestAway:
    async def test_is_told_and_tried_again(self, tmp_path: Path) -> None:
        connection = Connection(f"local://{tmp_path}/none")
        executor = FluxExecutor(connection, environment.base(), sys.executable)
        with pytest.raises(Unavailable):
            await executor.submit(str(tmp_path))
        with pytest.raises(Unavailable):
            await executor.alive("f1")
        await executor.aclose()

    async def test_alive_of_a_stranger(self, connection: Connection) -> None:
        executor = FluxExecutor(connection, environment.base(), sys.executable)
        assert await executor.alive("f12345") is False
