"""What an API keeps its own table of jobs by: which of them changed, numbers that make ids, the store's identity."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from opsgate.backends.errors import NotFound
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Command, Job
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from tests.backends.jobs.support import API, Open, new, reach, run_to_end, start_running, stdout

pytestmark = pytest.mark.anyio

SLEEP, TRUE = Command(("sleep", "600")), Command(("true",))


def numbered(seq: int) -> tuple[str, Mapping[str, str]]:
    return f"number-{seq}", {"MY_NUMBER": str(seq)}


class TestChanged:
    async def test_each_job_once_as_it_is_now(self, engine: Engine) -> None:
        before = await engine.last_change()
        first, second = await run_to_end(engine, TRUE), await start_running(engine, SLEEP)
        changed = await engine.changed(API, before)
        assert changed is not None
        assert [(job.id, job.state) for job in changed.jobs] == [
            (first.id, State.FINISHED),
            (second.id, State.RUNNING),
        ]
        assert (changed.change, changed.looked, changed.deleted) == (second.change, second.change, [])

    async def test_of_this_api_alone(self, engine: Engine) -> None:
        before = await engine.last_change()
        other = await run_to_end(engine, TRUE, job={"api": "flux"})
        assert await engine.changed(API, before) == (before, other.change, [], [])

    async def test_deleted_ones(self, engine: Engine) -> None:
        job = await run_to_end(engine, TRUE)
        await engine.delete(API, job.id)
        changed = await engine.changed(API, job.change)
        assert changed is not None
        assert (changed.jobs, changed.deleted) == ([], [job.id])

    async def test_too_many(self, engine: Engine) -> None:
        before = await engine.last_change()
        for _ in range(3):
            await engine.create(new(TRUE))
        assert await engine.changed(API, before, most=2) is None
        assert len((await engine.changed(API, before, most=3) or ((), (), ()))[2]) == 3

    async def test_too_long_ago(self, engine: Engine, root: Path) -> None:
        job = await run_to_end(engine, TRUE)
        with sqlite3.connect(root / "jobs.db") as db:  # in place of a hundred thousand changes
            db.execute("DELETE FROM journal WHERE change < ?", (job.change,))
        db.close()
        assert await engine.first_change() == job.change
        assert await engine.changed(API, job.change - 2) is None
        assert (await engine.changed(API, job.change - 1) or ((), (), ()))[2] == [job]


class TestEventsOfOneJob:
    async def test_found(self, engine: Engine) -> None:
        first, _ = await run_to_end(engine, TRUE), await run_to_end(engine, TRUE)
        events = await engine.events(API, 0, job_id=first.id)
        assert [event.event for event in events] == ["created", "queued", "starting", "running", "finished"]
        assert {event.id for event in events} == {first.id}

    async def test_followed(self, engine: Engine) -> None:
        first = await start_running(engine, SLEEP)
        following = engine.follow_events(API, first.change, first.id)
        waiting = asyncio.ensure_future(anext(following))
        await run_to_end(engine, TRUE)
        await engine.kill(API, first.id)
        assert (await waiting).id == first.id


class TestNumbered:
    async def test_id_and_variables(self, engine: Engine) -> None:
        run = Command(("sh", "-c", "echo $MY_NUMBER $OPSGATE_JOB"))
        jobs = [await run_to_end(engine, run, job={"numbered": numbered}) for _ in range(2)]
        assert [job.id for job in jobs] == [f"number-{job.seq}" for job in jobs]
        assert [await stdout(engine, job) for job in jobs] == [f"{job.seq} {job.id}\n" for job in jobs]

    async def test_in_the_order_of_many_at_once(self, root: Path, open_engine: Open) -> None:
        engines = [await open_engine(Settings(root, cores=1)) for _ in range(3)]

        async def create(engine: Engine) -> list[Job]:
            return [(await engine.create(new(TRUE, job={"numbered": numbered}))).job for _ in range(20)]

        rows = await asyncio.gather(*(create(engine) for engine in engines for _ in range(2)))
        assert len({job.id for row in rows for job in row}) == 120
        assert all([job.seq for job in row] == sorted(job.seq for job in row) for row in rows)

    async def test_never_used_twice(self, engine: Engine) -> None:
        first = (await engine.create(new(TRUE, job={"numbered": numbered}))).job
        await engine.delete(API, first.id)
        second = (await engine.create(new(TRUE, job={"numbered": numbered}))).job
        assert second.seq == first.seq + 1
        with pytest.raises(NotFound):
            await engine.get(API, first.id)


class TestIdentity:
    async def test_the_same_for_the_same_store(self, root: Path, engine: Engine, open_engine: Open) -> None:
        assert (await open_engine(Settings(root))).identity() == engine.identity() > 0

    async def test_another_for_another(self, tmp_path: Path, engine: Engine, open_engine: Open) -> None:
        assert (await open_engine(Settings(tmp_path / "another"))).identity() != engine.identity()


class TestWhenItWasKilled:
    async def test_while_it_runs(self, engine: Engine) -> None:
        job = await start_running(engine, SLEEP)
        assert job.killed_at is None
        await engine.kill(API, job.id)
        ended = await reach(engine, job.id, State.FINISHED)
        assert (job.started_at or 0) <= (ended.killed_at or 0) <= (ended.finished_at or 0)
