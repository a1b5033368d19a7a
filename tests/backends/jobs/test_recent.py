"""A job that is read again and again is always as the store has it, whoever changed it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Conflict, NotFound
from opsgate.backends.jobs import database, layout, recent, store
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Command, Job, Spec
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from tests.backends.jobs.support import API, SECONDS, Open, new

pytestmark = pytest.mark.anyio

TRUE = Command(("true",))


async def create(engine: Engine, **job: Any) -> Job:
    return (await engine.create(new(TRUE, job=job))).job


class TestGetAgain:
    async def test_after_changes_of_another_process_or_engine(
        self, engine: Engine, open_engine: Open, root: Path
    ) -> None:
        other = await open_engine(Settings(root, cores=100))
        job = await create(engine)
        for number in range(3):
            await other.set_status(API, job.id, {"number": number})
            assert (await engine.get(API, job.id)).status == {"number": number}
            await other.set_extra(API, job.id, {"number": number})
            assert (await engine.get(API, job.id)).extra == {"number": number}

    async def test_in_each_of_its_states(self, engine: Engine) -> None:
        job = await create(engine)
        assert (await engine.get(API, job.id)).state == State.CREATED
        await engine.start(API, job.id)
        assert (await engine.wait(API, job.id, SECONDS)).state == State.FINISHED
        assert await engine.get(API, job.id) == (await engine.jobs(API))[0]

    async def test_when_it_is_gone(self, engine: Engine) -> None:
        job = await create(engine)
        assert await engine.get(API, job.id) == job
        await engine.delete(API, job.id)
        with pytest.raises(NotFound):
            await engine.get(API, job.id)

    async def test_another_of_the_same_id(self, engine: Engine) -> None:
        await create(engine, id="again", name="first")
        assert (await engine.get(API, "again")).name == "first"
        await engine.delete(API, "again")
        await create_once_deleted(engine, id="again", name="second")
        assert (await engine.get(API, "again")).name == "second"

    async def test_by_another_api(self, engine: Engine) -> None:
        job = await create(engine)
        assert await engine.get(API, job.id) == job
        with pytest.raises(NotFound):
            await engine.get("flux", job.id)

    async def test_more_than_are_kept(self, engine: Engine) -> None:
        jobs = [await create(engine) for _ in range(recent.MOST + 10)]
        assert [await engine.get(API, job.id) for job in jobs * 2] == jobs * 2


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[database.Database]:
    place = layout.Layout(str(tmp_path / "state"))
    place.create()
    one = database.Database(place, create=True)
    yield one
    one.close()


class TestRecent:
    """What is read from the store, and what is not."""

    def test_the_same_object_while_nothing_changes(self, opened: database.Database) -> None:
        reader, job_id = recent.Recent(opened.connection), insert(opened)
        assert reader.get(API, job_id) is reader.get(API, job_id)

    def test_a_large_one_is_not_kept(self, opened: database.Database) -> None:
        reader, job_id = recent.Recent(opened.connection), insert(opened, extra={"text": "x" * recent.LARGEST})
        first, second = reader.get(API, job_id), reader.get(API, job_id)
        assert first is not second
        assert first == second

    def test_the_first_read_of_too_many_goes(self, opened: database.Database) -> None:
        reader, ids = recent.Recent(opened.connection), [insert(opened) for _ in range(recent.MOST + 1)]
        read = [reader.get(API, job_id) for job_id in ids]
        assert [reader.get(API, ids[number]) is read[number] for number in (1, recent.MOST)] == [True, True]
        assert reader.get(API, ids[0]) is not read[0]

    def test_the_handle_of_another_executor(self, opened: database.Database) -> None:
        reader, job_id = recent.Recent(opened.connection), insert(opened)
        assert reader.get(API, job_id).handle is None
        with opened.change() as db:
            db.execute("UPDATE job SET handle = 'far-1'")
        assert reader.get(API, job_id).handle == "far-1"

    def test_a_store_that_cannot_be_read(self, opened: database.Database) -> None:
        reader, job_id = recent.Recent(opened.connection), insert(opened)
        reader.get(API, job_id)
        opened.close()
        with pytest.raises(sqlite3.Error):
            reader.get(API, job_id)


def insert(opened: database.Database, **job: Any) -> str:
    with opened.change() as db:
        return store.insert(db, new(TRUE, job=job), Spec(TRUE).to_json({}, "python3"))


async def create_once_deleted(engine: Engine, **job: Any) -> Job:
    """The directory of the one before goes some time after its row."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                return await create(engine, **job)
            except Conflict:
                await asyncio.sleep(0.02)
