"""Who runs when: cores, order, priority, several queues; also while no engine is open."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Command, Job
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import Cause, State
from tests.backends.jobs.support import API, Open, new, reach, run_to_end, shell, start, start_running, until

pytestmark = pytest.mark.anyio

SLEEP = Command(("sleep", "600"))


async def states(engine: Engine, *jobs: Job) -> list[str]:
    return [(await engine.get(job.api, job.id)).state for job in jobs]


async def order_of_start(engine: Engine, *jobs: Job) -> list[int]:
    """Return the positions of jobs in the order they began to run."""
    began = [(await reach(engine, job.id, State.FINISHED)).began or 0 for job in jobs]
    return [began.index(number) for number in sorted(began)]


class TestCores:
    async def test_no_more_at_once_than_there_are(self, root: Path, open_engine: Open, tmp_path: Path) -> None:
        engine = await open_engine(Settings(root, cores=3))
        # Each says when it begins and ends, in one file that only grows.
        script = f"echo + >>{tmp_path}/log; sleep 0.05; echo - >>{tmp_path}/log"
        jobs = [await start(engine, shell(script)) for _ in range(12)]
        for job in jobs:
            assert (await reach(engine, job.id, State.FINISHED)).exit_code == 0
        running = most = 0
        for sign in read(tmp_path / "log").split():
            running += 1 if sign == "+" else -1
            most = max(most, running)
        assert (running, most) == (0, 3)

    async def test_several_for_one_job(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=4))
        big = await start_running(engine, SLEEP, job={"cores": 3})
        second = await start(engine, SLEEP, job={"cores": 2})
        assert await engine.usage(API) == (3, 4)
        assert await states(engine, big, second) == [State.RUNNING, State.QUEUED]
        await engine.kill(API, big.id)
        assert (await reach(engine, second.id, State.RUNNING)).state == State.RUNNING
        assert await engine.usage(API) == (2, 4)

    async def test_none_is_overtaken_by_a_smaller_one(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=4))
        running = await start_running(engine, SLEEP, job={"cores": 3})
        big = await start(engine, SLEEP, job={"cores": 2})
        small = await start(engine, SLEEP, job={"cores": 1})
        assert await states(engine, big, small) == [State.QUEUED, State.QUEUED]
        await engine.kill(API, running.id)
        await reach(engine, small.id, State.RUNNING)
        assert await states(engine, big, small) == [State.RUNNING, State.RUNNING]

    async def test_several_start_where_one_ended(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=4))
        running = await start_running(engine, SLEEP, job={"cores": 4})
        small = [await start(engine, SLEEP) for _ in range(5)]
        await engine.kill(API, running.id)
        for job in small[:4]:
            await reach(engine, job.id, State.RUNNING)
        assert (await states(engine, *small))[4] == State.QUEUED

    async def test_any_number(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=0))
        jobs = [await start(engine, SLEEP, job={"cores": 1000}) for _ in range(5)]
        for job in jobs:
            assert (await reach(engine, job.id, State.RUNNING)).state == State.RUNNING

    async def test_too_many_are_refused(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=4))
        with pytest.raises(Invalid, match="asks for 5 cores, its queue has 4"):
            await engine.create(new(SLEEP, job={"cores": 5}))
        assert await engine.count(API) == 0

    async def test_too_many_are_accepted_and_end_at_once(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=4))
        job = (await engine.create(new(SLEEP, job={"cores": 5}), start=True, refuse_oversized=False)).job
        assert (job.state, job.cause, job.exit_code) == (State.FINISHED, Cause.UNSATISFIABLE, None)
        assert job.ending["error"] == "It asks for 5 cores, its queue has 4"

    async def test_limit_lowered_below_what_waits(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=4))
        first = await start_running(engine, SLEEP, job={"cores": 4})
        big = await start(engine, SLEEP, job={"cores": 4})
        small = await start(engine, SLEEP)
        engine = await open_engine(Settings(root, cores=2))
        await engine.kill(API, first.id)
        assert (await reach(engine, small.id, State.RUNNING)).state == State.RUNNING
        assert (await engine.get(API, big.id)).cause == Cause.UNSATISFIABLE

    @pytest.mark.parametrize("cores", [0, -1])
    async def test_fewer_than_one(self, engine: Engine, cores: int) -> None:
        with pytest.raises(Invalid):
            await engine.create(new(SLEEP, job={"cores": cores}))


class TestOrder:
    async def test_first_come_first_served(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        created = [(await engine.create(new(Command(("true",))))).job for _ in range(6)]
        first = await start_running(engine, SLEEP)
        for job in reversed(created):
            await engine.start(API, job.id)
        await engine.kill(API, first.id)
        assert await order_of_start(engine, *created) == [5, 4, 3, 2, 1, 0]

    async def test_priority(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        first = await start_running(engine, SLEEP)
        jobs = [await start(engine, Command(("true",)), job={"priority": priority}) for priority in (0, 5, 5, -1, 0)]
        await engine.set_priority(API, jobs[4].id, 9)
        await engine.kill(API, first.id)
        assert await order_of_start(engine, *jobs) == [4, 1, 2, 0, 3]

    async def test_priority_of_a_running_job(self, engine: Engine) -> None:
        job = await start_running(engine, SLEEP)
        with pytest.raises(Conflict, match="is running"):
            await engine.set_priority(API, job.id, 1)
        with pytest.raises(NotFound):
            await engine.set_priority(API, "unknown", 1)


class TestQueues:
    async def test_each_api_has_its_own(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        await start_running(engine, SLEEP)
        other = await run_to_end(engine, Command(("true",)), job={"api": "flux"})
        assert other.exit_code == 0

    async def test_with_limits_of_their_own(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1, queues={"wide": 3}))
        jobs = [await start(engine, SLEEP, job={"queue": "wide"}) for _ in range(4)]
        for job in jobs[:3]:
            await reach(engine, job.id, State.RUNNING)
        assert (await states(engine, *jobs))[3] == State.QUEUED
        assert (await engine.usage("wide"), await engine.usage(API)) == ((3, 3), (0, 1))


class TestStart:
    async def test_one_of_twenty_wins(self, engine: Engine, root: Path, open_engine: Open, tmp_path: Path) -> None:
        other = await open_engine(Settings(root, cores=100))
        job = (await engine.create(new(shell(f"echo ran >>{tmp_path}/log")))).job
        attempts = [each.start(API, job.id) for each in (engine, other) for _ in range(10)]
        answers = await asyncio.gather(*attempts, return_exceptions=True)
        assert sum(isinstance(answer, Job) for answer in answers) == 1
        refused = [answer for answer in answers if isinstance(answer, Conflict)]
        assert [str(answer) for answer in refused] == [f"Job {job.id} was started before"] * 19
        await reach(engine, job.id, State.FINISHED)
        assert read(tmp_path / "log") == "ran\n"

    async def test_unknown(self, engine: Engine) -> None:
        with pytest.raises(NotFound, match="There is no job unknown"):
            await engine.start(API, "unknown")


class TestUnattended:
    async def test_queue_moves_on_while_no_engine_is_open(self, root: Path, tmp_path: Path) -> None:
        engine = await Engine.open(Settings(root, cores=2))
        script = f"sleep 0.05; echo ran >>{tmp_path}/log"
        for _ in range(8):
            await start(engine, shell(script))
        await start(engine, shell(script), job={"cores": 2})
        await engine.close()
        await until(lambda: (tmp_path / "log").exists() and read(tmp_path / "log") == "ran\n" * 9)
        engine = await Engine.open(Settings(root, cores=2))
        for job in await engine.jobs(API):
            assert (await reach(engine, job.id, State.FINISHED)).exit_code == 0
        await engine.close()

    async def test_daemon_left_by_one_job_is_not_taken_for_the_nexts(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        first = await start(engine, shell("setsid sleep 5 >/dev/null 2>&1 & echo $!; sleep 0.2"))
        second = await start(engine, SLEEP)
        await reach(engine, second.id, State.RUNNING)
        left = int((await engine.output(API, first.id)).data)
        await engine.kill(API, second.id, grace=0)
        await reach(engine, second.id, State.FINISHED)
        assert Path(f"/proc/{left}/comm").read_text() == "sleep\n"  # noqa: ASYNC240 - /proc does not block


def read(path: Path) -> str:
    return path.read_text()
