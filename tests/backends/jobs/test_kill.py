"""Ending jobs: asked for, over their time, over their output; with everything they started."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from opsgate.backends.errors import Conflict, NotFound
from opsgate.backends.jobs import clocks
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Code, Command, Job, Limits
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import Cause, State
from tests.backends.jobs.support import (
    API,
    QUICK,
    Open,
    is_gone,
    new,
    printed,
    reach,
    run_to_end,
    runner_of,
    shell,
    start,
    start_running,
    stdout,
    until,
)

pytestmark = pytest.mark.anyio

# Leaves its group, its session and its parent, as daemons do, and says who it is.
DAEMON = """
import os, sys, time, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
time.sleep(600)
"""


async def end(engine: Engine, job: Job, grace: float | None = None) -> Job:
    assert await engine.kill(API, job.id, grace=grace) is True
    return await reach(engine, job.id, State.FINISHED)


class TestKill:
    async def test_running(self, engine: Engine) -> None:
        job = await start_running(engine, Command(("sleep", "600")))
        ended = await end(engine, job)
        assert (ended.killed, ended.cause, ended.signal, ended.exit_code) == (
            1,
            Cause.CANCELLED,
            signal.SIGTERM,
            None,
        )

    async def test_is_recorded_before_it_is_over(self, engine: Engine) -> None:
        job = await start_running(engine, shell("trap '' TERM; echo ready; while :; do sleep 1; done"))
        await printed(engine, job, "ready\n")
        await engine.kill(API, job.id)
        seen = await engine.get(API, job.id)
        assert (seen.state, seen.killed) == (State.RUNNING, 1)

    async def test_ignoring_sigterm(self, engine: Engine) -> None:
        script = "trap '' TERM; echo ready; while :; do sleep 1; done"
        job = await start_running(engine, shell(script), limits=QUICK)
        await printed(engine, job, "ready\n")
        ended = await end(engine, job)
        assert (ended.killed, ended.cause, ended.signal) == (1, Cause.CANCELLED, signal.SIGKILL)

    async def test_time_to_clean_up(self, engine: Engine) -> None:
        job = await start_running(
            engine, shell("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done")
        )
        await printed(engine, job, "ready\n")
        ended = await end(engine, job)
        assert (ended.killed, ended.cause, ended.exit_code) == (1, Cause.CANCELLED, 7)
        assert (await stdout(engine, job)).endswith("bye\n")

    async def test_children(self, engine: Engine) -> None:
        job = await start_running(engine, shell("sleep 600 & echo $!; wait"))
        child = int(await printed(engine, job, "\n"))
        await end(engine, job)
        assert is_gone(child)

    async def test_daemons_that_ignore_sigterm(self, engine: Engine) -> None:
        job = await start_running(engine, Code(DAEMON), limits=QUICK)
        daemon = int(await printed(engine, job, "\n"))
        ended = await end(engine, job)
        assert (ended.cause, ended.signal) == (Cause.CANCELLED, signal.SIGKILL)
        assert is_gone(daemon)

    async def test_children_that_outlive_their_parent_by_ignoring_sigterm(self, engine: Engine) -> None:
        script = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 1; done' & wait"
        job = await start_running(engine, shell(script), limits=QUICK)
        child = int(await printed(engine, job, "\n"))
        ended = await end(engine, job)
        assert ended.signal == signal.SIGTERM
        assert is_gone(child)

    async def test_while_it_forks(self, engine: Engine) -> None:
        script = "trap '' TERM; echo ready; while :; do (sleep 600 &) ; sleep 0.01; done"
        job = await start_running(engine, shell(script), limits=QUICK)
        await printed(engine, job, "ready\n")
        runner = runner_of(engine, job)
        await end(engine, job)
        await until(lambda: is_gone(runner))
        assert not any(b"OPSGATE_JOB=" + job.id.encode() in _environ(pid) for pid in _pids())

    async def test_stopped_process(self, engine: Engine) -> None:
        job = await start_running(engine, shell("kill -STOP $$"), limits=QUICK)
        await until(lambda: (clocks.read_stat(job.pid or 0) or [b""])[0] == b"T")
        ended = await end(engine, job)
        assert (ended.cause, ended.signal) == (Cause.CANCELLED, signal.SIGKILL)

    async def test_asking_again_hastens(self, engine: Engine) -> None:
        script = "trap '' TERM; echo ready; while :; do sleep 1; done"
        job = await start_running(engine, shell(script), limits=Limits(grace=600))
        await printed(engine, job, "ready\n")
        assert await engine.kill(API, job.id) is True
        assert await engine.kill(API, job.id, grace=700) is True
        ended = await end(engine, job, grace=0)
        assert (ended.cause, ended.signal) == (Cause.CANCELLED, signal.SIGKILL)

    async def test_right_after_the_start(self, engine: Engine) -> None:
        for _ in range(10):
            job = await start(engine, shell("echo ran; exec sleep 600"))
            ended = await end(engine, job)
            assert (ended.killed, ended.cause) == (1, Cause.CANCELLED)

    async def test_by_twenty_at_once(self, engine: Engine) -> None:
        job = await start_running(engine, Command(("sleep", "600")))
        answers = await asyncio.gather(*(engine.kill(API, job.id) for _ in range(20)))
        ended = await reach(engine, job.id, State.FINISHED)
        assert (ended.cause, set(answers) - {True, False}) == (Cause.CANCELLED, set())

    async def test_waiting_in_the_queue(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        first = await start_running(engine, Command(("sleep", "600")))
        second = await start(engine, shell("echo ran"))
        third = await start(engine, shell("echo ran"))
        assert await engine.kill(API, second.id) is True
        ended = await engine.get(API, second.id)
        assert (ended.state, ended.killed, ended.cause, ended.exit_code) == (State.FINISHED, 1, Cause.CANCELLED, None)
        assert ended.started_at is None
        await end(engine, first)
        assert (await reach(engine, third.id, State.FINISHED)).exit_code == 0

    async def test_not_started(self, engine: Engine) -> None:
        job = (await engine.create(new(Command(("true",))))).job
        with pytest.raises(Conflict, match="has not been started"):
            await engine.kill(API, job.id)
        assert await engine.get(API, job.id) == job

    async def test_not_started_where_that_is_allowed(self, engine: Engine) -> None:
        job = (await engine.create(new(Command(("true",))))).job
        assert await engine.kill(API, job.id, created=True) is True
        ended = await engine.get(API, job.id)
        assert (ended.state, ended.killed, ended.cause) == (State.FINISHED, 1, Cause.CANCELLED)
        with pytest.raises(Conflict, match="was started before"):
            await engine.start(API, job.id)

    async def test_finished(self, engine: Engine) -> None:
        job = await run_to_end(engine, Command(("true",)))
        assert await engine.kill(API, job.id) is False
        assert await engine.get(API, job.id) == job

    async def test_unknown(self, engine: Engine) -> None:
        with pytest.raises(NotFound):
            await engine.kill(API, "unknown")

    async def test_of_another_api(self, engine: Engine) -> None:
        job = await start_running(engine, Command(("sleep", "600")))
        with pytest.raises(NotFound):
            await engine.kill("flux", job.id)

    async def test_by_a_signal_to_the_runner(self, engine: Engine) -> None:
        job = await start_running(engine, Command(("sleep", "600")))
        os.kill(runner_of(engine, job), signal.SIGTERM)
        ended = await reach(engine, job.id, State.FINISHED)
        assert (ended.killed, ended.cause, ended.signal) == (0, Cause.INTERRUPTED, signal.SIGTERM)


class TestTimeLimit:
    async def test_first_signal(self, engine: Engine) -> None:
        limits = Limits(time=0.2, time_signal=signal.SIGALRM)
        job = await run_to_end(engine, Command(("sleep", "600")), limits=limits)
        assert (job.killed, job.cause, job.signal) == (0, Cause.TIMEOUT, signal.SIGALRM)
        assert job.duration is not None
        assert 0.2 <= job.duration < 5

    async def test_sigkill(self, engine: Engine) -> None:
        limits = Limits(time=0.2, grace=0.2)
        job = await run_to_end(engine, Code("import signal\nsignal.signal(15, 1)\nwhile True: pass"), limits=limits)
        assert (job.cause, job.signal) == (Cause.TIMEOUT, signal.SIGKILL)

    async def test_not_reached(self, engine: Engine) -> None:
        job = await run_to_end(engine, Command(("true",)), limits=Limits(time=600))
        assert (job.cause, job.exit_code) == (None, 0)

    async def test_of_many_years(self, engine: Engine) -> None:
        job = await run_to_end(engine, Command(("sleep", "0.1")), limits=Limits(time=3e9))
        assert (job.cause, job.exit_code) == (None, 0)


class TestOutputLimit:
    async def test_ends_the_job(self, engine: Engine) -> None:
        job = await run_to_end(engine, Command(("yes",)), limits=Limits(output=10_000))
        assert (job.killed, job.cause, job.ending["output_cut"]) == (0, Cause.OUTPUT, True)
        assert (await engine.output(API, job.id)).size == 10_000

    async def test_of_standard_error(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("exec yes >&2"), limits=Limits(output=10_000))
        assert job.cause == Cause.OUTPUT
        assert (await engine.output(API, job.id, "stderr")).size == 10_000

    async def test_throws_away_the_rest(self, engine: Engine) -> None:
        script = "head -c 3000000 /dev/zero; sleep 0.2; head -c 3000000 /dev/zero; exit 5"
        limits = Limits(output=10_000, output_action="discard")
        job = await run_to_end(engine, shell(script), limits=limits)
        assert (job.cause, job.exit_code, job.ending["output_cut"]) == (None, 5, True)
        assert (await engine.output(API, job.id)).size == 10_000

    async def test_not_reached(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("printf 0123456789"), limits=Limits(output=10))
        assert (job.cause, "output_cut" in job.ending) == (None, False)
        assert (await engine.output(API, job.id)).data == b"0123456789"

    async def test_costs_the_runner_little(self, engine: Engine) -> None:
        limits = Limits(output=10_000, output_action="discard")
        job = await start_running(engine, Command(("yes",)), limits=limits)
        runner, began = runner_of(engine, job), time.monotonic()
        await asyncio.sleep(1.0)
        assert _cpu_seconds(runner) < 0.5 * (time.monotonic() - began)
        assert (await engine.output(API, job.id)).size < 3_000_000_000


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - names


def _environ(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - ends meanwhile
            return file.read()
    except OSError:
        return b""


def _cpu_seconds(pid: int) -> float:
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - one of /proc
        fields = file.read().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
