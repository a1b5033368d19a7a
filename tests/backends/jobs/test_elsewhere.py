"""Another executor: it starts runners by their command alone, and all it knows of a job is its directory."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsgate.backends.errors import EngineError, Invalid, Unavailable
from opsgate.backends.jobs import layout, runners
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Code, Command, Plugin
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import Cause, State
from tests.backends.jobs.support import (
    API,
    Open,
    is_gone,
    reach,
    run_to_end,
    shell,
    start,
    start_running,
    stdout,
    until,
)

pytestmark = pytest.mark.anyio

FAR = {"executor": "far"}


class Far:
    """Runs runners as its children, as a cluster's manager would on some node; hides the store from them."""

    def __init__(self) -> None:
        self.started: dict[str, subprocess.Popen[bytes]] = {}
        self.refuses = 0
        self.refusal: EngineError = Unavailable("no node is free")

    async def submit(self, job_dir: str) -> str:
        if self.refuses:
            self.refuses -= 1
            raise self.refusal
        handle = f"far-{len(self.started)}"
        command = runners.by_files(job_dir)
        environment = {"PATH": os.environ["PATH"]}
        self.started[handle] = subprocess.Popen(command, env=environment, cwd="/")  # noqa: ASYNC220 - a double
        return handle

    async def signal(self, handle: str, signum: int) -> None:
        self.started[handle].send_signal(signum)

    async def alive(self, handle: str) -> bool:
        return handle in self.started and self.started[handle].poll() is None

    def end(self) -> None:
        for process in self.started.values():
            process.kill()
            process.wait()


@pytest.fixture
def far() -> Iterator[Far]:
    """The executor; what it still runs at the end of a test is ended."""
    executor = Far()
    yield executor
    executor.end()


@pytest.fixture
async def engine(root: Path, open_engine: Open, far: Far) -> Engine:
    """An engine with another executor."""
    return await open_engine(
        Settings(root, cores=100, queues={"far": 2}, executors={"far": far}, seconds_between_tidying=0.02)
    )


class TestRun:
    async def test_to_the_end(self, engine: Engine, far: Far) -> None:
        job = await run_to_end(engine, shell("echo hello; exit 3"), job=FAR)
        assert (job.executor, job.exit_code, job.cause, job.handle) == ("far", 3, None, "far-0")
        assert await stdout(engine, job) == "hello\n"
        events = [event.event for event in await engine.events(API, 0)]
        assert [event for event in events if event != "changed"] == [
            "created",
            "queued",
            "starting",
            "running",
            "finished",
        ]
        far.end()

    async def test_result_exception_and_status(self, engine: Engine, far: Far, tmp_path: Path) -> None:
        returned = await run_to_end(engine, Code("return_value = 3"), job=FAR)
        raised = await run_to_end(engine, Code("1 / 0"), job=FAR)
        info = tmp_path / "p-1.dist-info"
        install(info)
        reported = await run_to_end(engine, Plugin("far.test", "p"), job=FAR, sys_path=(str(tmp_path),))
        assert returned.ending["result"] == 3
        assert raised.ending["exception"]["type"] == "ZeroDivisionError"
        assert reported.status == {"at": 2}
        far.end()

    async def test_runner_does_not_touch_the_store(self, engine: Engine, far: Far) -> None:
        job = await start_running(engine, Command(("sleep", "600")), job=FAR)
        open_files = os.listdir(f"/proc/{far.started['far-0'].pid}/fd")  # noqa: PTH208 - names
        targets = {os.readlink(f"/proc/{far.started['far-0'].pid}/fd/{name}") for name in open_files}  # noqa: PTH115
        assert not any("jobs.db" in target for target in targets)
        await engine.kill(API, job.id)
        await reach(engine, job.id, State.FINISHED)
        far.end()

    async def test_queue_has_its_limit(self, engine: Engine, far: Far) -> None:
        jobs = [await start(engine, Command(("sleep", "600")), job=FAR | {"queue": "far"}) for _ in range(3)]
        await reach(engine, jobs[1].id, State.RUNNING)
        assert (await engine.get(API, jobs[2].id)).state == State.QUEUED
        await engine.kill(API, jobs[0].id)
        assert (await reach(engine, jobs[2].id, State.RUNNING)).state == State.RUNNING
        for job in jobs[1:]:
            await engine.kill(API, job.id)
            await reach(engine, job.id, State.FINISHED)
        far.end()


class TestEnd:
    async def test_kill(self, engine: Engine, far: Far) -> None:
        job = await start_running(engine, Command(("sleep", "600")), job=FAR)
        assert await engine.kill(API, job.id) is True
        ended = await reach(engine, job.id, State.FINISHED)
        assert (ended.killed, ended.cause, ended.signal) == (1, Cause.CANCELLED, signal.SIGTERM)
        far.end()

    async def test_signal_by_the_executor(self, engine: Engine, far: Far) -> None:
        job = await start_running(engine, Command(("sleep", "600")), job=FAR)
        await far.signal("far-0", signal.SIGTERM)
        ended = await reach(engine, job.id, State.FINISHED)
        assert (ended.killed, ended.cause) == (0, Cause.INTERRUPTED)
        far.end()

    async def test_runner_killed(self, engine: Engine, far: Far) -> None:
        job = await start_running(engine, Command(("sleep", "600")), job=FAR)
        await far.signal("far-0", signal.SIGKILL)
        ended = await reach(engine, job.id, State.FINISHED)
        assert (ended.cause, ended.exit_code) == (Cause.LOST, None)
        assert ended.ending["error"] == "Its executor does not know its runner any more"
        await until(lambda: is_gone(job.pid or 0))
        far.end()


class TestSubmit:
    async def test_refused_and_tried_again(self, engine: Engine, far: Far) -> None:
        far.refuses = 5
        job = await run_to_end(engine, Command(("true",)), job=FAR)
        assert (job.exit_code, len(far.started)) == (0, 1)
        far.end()

    async def test_refused_for_good(self, engine: Engine, far: Far) -> None:
        far.refuses, far.refusal = 99, Invalid("never")
        job = await run_to_end(engine, Command(("true",)), job=FAR)
        assert (job.cause, far.started) == (Cause.NOT_STARTED, {})

    async def test_runner_that_dies_at_once_is_replaced(self, engine: Engine, far: Far) -> None:
        directory = Path(engine.directory("far-job"))
        (directory / layout.STDOUT).mkdir(parents=True)  # its output cannot be opened
        job = await start(engine, Command(("true",)), job=FAR | {"id": "far-job"})
        await until(lambda: "far-0" in far.started)
        far.started["far-0"].kill()
        (directory / layout.STDOUT).rmdir()
        assert (await reach(engine, job.id, State.FINISHED)).exit_code == 0
        assert len(far.started) == 2
        far.end()

    async def test_second_runner_for_a_job_leaves(self, engine: Engine, far: Far) -> None:
        job = await start_running(engine, shell("echo ran; sleep 0.3"), job=FAR)
        second = await asyncio.create_subprocess_exec(*runners.by_files(engine.directory(job.id)))
        assert await second.wait() == 0
        assert await stdout(engine, await reach(engine, job.id, State.FINISHED)) == "ran\n"
        far.end()


class TestOtherProcess:
    async def test_that_lacks_the_executor_leaves_its_jobs_alone(self, engine: Engine, root: Path, far: Far) -> None:
        other = await Engine.open(Settings(root, cores=100, seconds_between_tidying=0.01))
        job = await start_running(engine, Command(("sleep", "600")), job=FAR)
        await asyncio.sleep(0.1)
        assert (await other.get(API, job.id)).state == State.RUNNING
        assert await other.kill(API, job.id) is True
        await other.close()
        assert (await engine.get(API, job.id)).killed == 1
        await engine.kill(API, job.id)
        assert (await reach(engine, job.id, State.FINISHED)).cause == Cause.CANCELLED
        far.end()


def install(info: Path) -> None:
    info.mkdir()
    (info / "entry_points.txt").write_text("[far.test]\np = far_test_plugin\n")
    (info.parent / "far_test_plugin.py").write_text(
        "def run(config, status):\n    for at in range(3):\n        status.update({'at': at})\n"
    )
