"""Waiting for ends, changes and output: any number of waiters, woken by events."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from opsgate.backends.errors import NotFound
from opsgate.backends.jobs import watch
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Command, Event
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from tests.backends.jobs.support import API, Open, descriptors_of, new, reach, run_to_end, shell, start, start_running

pytestmark = pytest.mark.anyio

SLEEP = Command(("sleep", "600"))


class TestWait:
    async def test_many_for_one(self, engine: Engine, root: Path, open_engine: Open) -> None:
        other = await open_engine(Settings(root))
        job = await start_running(engine, SLEEP)
        waiters = [asyncio.create_task(each.wait(API, job.id, 30)) for each in (engine, other) for _ in range(500)]
        await asyncio.sleep(0)
        await engine.kill(API, job.id)
        ended = await asyncio.gather(*waiters)
        assert {each.state for each in ended} == {State.FINISHED}

    async def test_is_told_by_the_bell(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(watch, "_SECONDS_BETWEEN_LOOKS", 600.0)
        job = await start(engine, shell("sleep 0.3"))
        assert (await engine.wait(API, job.id, 30)).state == State.FINISHED

    async def test_costs_nothing_meanwhile(self, engine: Engine) -> None:
        job = await start_running(engine, SLEEP)
        waiters = [asyncio.create_task(engine.wait(API, job.id, 30)) for _ in range(500)]
        await asyncio.sleep(0.5)
        before = time.process_time()
        await asyncio.sleep(1.0)
        assert time.process_time() - before < 0.1
        await engine.kill(API, job.id)
        await asyncio.gather(*waiters)

    async def test_for_less_than_the_end(self, engine: Engine) -> None:
        job = await start(engine, SLEEP)
        assert (await engine.wait(API, job.id, 30, (State.RUNNING,))).state == State.RUNNING

    async def test_time_is_over(self, engine: Engine) -> None:
        job = await start_running(engine, SLEEP)
        assert await engine.wait(API, job.id, 0.1) == job
        assert await engine.wait(API, job.id, 0) == job

    async def test_finished_before(self, engine: Engine) -> None:
        job = await run_to_end(engine, Command(("true",)))
        assert await engine.wait(API, job.id) == job

    async def test_deleted_meanwhile(self, engine: Engine) -> None:
        job = (await engine.create(new(SLEEP))).job
        waiter = asyncio.create_task(engine.wait(API, job.id, 30))
        await asyncio.sleep(0)
        await engine.delete(API, job.id)
        with pytest.raises(NotFound):
            await waiter

    async def test_unknown(self, engine: Engine) -> None:
        with pytest.raises(NotFound):
            await engine.wait(API, "unknown", 30)

    async def test_bell_that_nobody_rang(self, engine: Engine, root: Path) -> None:
        job = (await engine.create(new(SLEEP))).job
        waiter = asyncio.create_task(engine.wait(API, job.id, 30))
        await asyncio.sleep(0)
        # A change by a process that is killed between its commit and the bell.
        process = await asyncio.create_subprocess_exec(
            "python3",
            "-c",
            "import sqlite3, sys\n"
            "db = sqlite3.connect(sys.argv[1] + '/jobs.db', isolation_level=None)\n"
            "db.execute(\"UPDATE job SET state = 'finished', change = (SELECT max(change) + 1 FROM journal)\")\n",
            str(root),
        )
        assert await process.wait() == 0
        assert (await waiter).state == State.FINISHED

    async def test_leaves_nothing_behind(self, engine: Engine) -> None:
        jobs = [await start_running(engine, SLEEP) for _ in range(3)]
        waiters = [asyncio.create_task(engine.wait(API, job.id, 30)) for job in jobs for _ in range(20)]
        followers = [asyncio.create_task(follow(engine, job.id)) for job in jobs for _ in range(20)]
        await asyncio.sleep(0.05)
        for task in [*waiters, *followers]:
            task.cancel()
        await asyncio.gather(*waiters, *followers, return_exceptions=True)
        assert engine._watch._jobs == {}
        assert engine._watch._files == {}
        assert not any("/jobs/" in target for target in descriptors_of(os.getpid()).values())


class TestFollowOutput:
    async def test_as_it_comes(self, engine: Engine) -> None:
        # Each line is written only after the one before was read.
        script = "for i in 1 2 3; do echo $i; while ! [ -e $i ]; do sleep 0.01; done; done"
        job = await start_running(engine, shell(script))
        found = []
        async with asyncio.timeout(60):
            async for piece in engine.follow_output(API, job.id):
                found.append(piece)
                Path(engine.directory(job.id), "work", piece.decode().strip()).touch()  # noqa: ASYNC240 - one file
        assert found == [b"1\n", b"2\n", b"3\n"]

    async def test_many_follow_all_of_it(self, engine: Engine) -> None:
        job = await start(engine, shell("seq 1 20000"))
        expected = "".join(f"{number}\n" for number in range(1, 20001)).encode()
        found = await asyncio.gather(*(follow(engine, job.id) for _ in range(50)))
        assert set(found) == {expected}

    async def test_from_the_middle(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("echo 0123456789"))
        assert await follow(engine, job.id, offset=7) == b"789\n"

    async def test_from_before_the_start(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        first = await start_running(engine, SLEEP)
        second = await start(engine, shell("echo hello"))
        follower = asyncio.create_task(follow(engine, second.id))
        await asyncio.sleep(0.05)
        await engine.kill(API, first.id)
        assert await follower == b"hello\n"

    async def test_of_a_job_that_never_ran(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        await start_running(engine, SLEEP)
        second = await start(engine, shell("echo hello"))
        follower = asyncio.create_task(follow(engine, second.id))
        await asyncio.sleep(0.05)
        await engine.kill(API, second.id)
        assert await follower == b""

    async def test_unknown(self, engine: Engine) -> None:
        with pytest.raises(NotFound):
            await follow(engine, "unknown")


class TestFollowEvents:
    async def test_from_now_on(self, engine: Engine) -> None:
        await run_to_end(engine, Command(("true",)))
        follower = asyncio.create_task(take(engine, 5))
        await asyncio.sleep(0.05)
        job = await run_to_end(engine, Command(("true",)))
        events = await follower
        assert [event.event for event in events] == ["created", "queued", "starting", "running", "finished"]
        assert {event.id for event in events} == {job.id}

    async def test_resumed(self, engine: Engine) -> None:
        await run_to_end(engine, Command(("true",)))
        events = await take(engine, 5, after=0)
        assert await take(engine, 3, after=events[1].change) == events[2:]


class TestRunnerKilled:
    async def test_waiter_is_told(self, engine: Engine) -> None:
        job = await start_running(engine, SLEEP)
        waiter = asyncio.create_task(engine.wait(API, job.id, 30))
        await asyncio.sleep(0)
        os.kill(job.pid or 0, signal.SIGKILL)
        assert (await waiter).signal == signal.SIGKILL
        assert (await reach(engine, job.id, State.FINISHED)).cause is None


async def follow(engine: Engine, job_id: str, offset: int = 0) -> bytes:
    async with asyncio.timeout(60):
        return b"".join([piece async for piece in engine.follow_output(API, job_id, offset=offset)])


async def take(engine: Engine, number: int, after: int | None = None) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(60):
        async for event in engine.follow_events(API, after):
            found.append(event)
            if len(found) == number:
                break
    return found
