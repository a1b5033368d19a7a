"""Finding jobs: one, lists, totals, pages, the journal; and what is kept with them, for how long."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.housekeeping import Keep
from opsgate.backends.jobs.model import Command, Job, Query
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from tests.backends.jobs.support import API, Open, new, reach, run_to_end, shell, start, start_running, until

pytestmark = pytest.mark.anyio

TRUE = Command(("true",))


async def create(engine: Engine, **job: Any) -> Job:
    return (await engine.create(new(TRUE, job=job))).job


def ids(jobs: list[Job]) -> list[str]:
    return [job.id for job in jobs]


@pytest.fixture
async def six(engine: Engine) -> list[Job]:
    """Six jobs: three named a, three named b, of which the last two have ended, in the order opposite to creation."""
    jobs = [
        await create(engine, name=name, labels={"name": name, "number": str(number)})
        for number, name in enumerate("aababb")
    ]
    for job in reversed(jobs[4:]):
        await engine.start(API, job.id)
        await reach(engine, job.id, State.FINISHED)
    return [await engine.get(API, job.id) for job in jobs]


class TestGet:
    async def test_all_it_was_given(self, engine: Engine) -> None:
        given: dict[str, Any] = {"name": "näme", "queue": "q", "cores": 2, "priority": 3, "id": "my-1"}
        job = await create(engine, **given, labels={"a": "ä"}, extra={"urgency": [1, None]})
        assert await engine.get(API, "my-1") == job
        assert (job.id, job.name, job.queue, job.cores, job.priority) == ("my-1", "näme", "q", 2, 3)
        assert (job.labels, job.extra, job.status, job.ending) == ({"a": "ä"}, {"urgency": [1, None]}, {}, {})
        assert (job.state, job.is_running, job.is_finished, job.seconds_run) == (State.CREATED, False, False, None)
        assert job.spec["run"] == {"kind": "command", "argv": ["true"]}

    @pytest.mark.parametrize("job_id", ["unknown", "", "\0", "x" * 5000, "../../etc", "ü", "'; --"])
    async def test_unknown(self, engine: Engine, job_id: str) -> None:
        with pytest.raises(NotFound):
            await engine.get(API, job_id)

    async def test_of_another_api(self, engine: Engine) -> None:
        job = await create(engine)
        with pytest.raises(NotFound):
            await engine.get("flux", job.id)

    async def test_seconds_run(self, engine: Engine) -> None:
        job = await start_running(engine, Command(("sleep", "600")))
        first = (await engine.get(API, job.id)).seconds_run
        assert first is not None
        assert 0 <= first < 60


class TestCreate:
    @pytest.mark.parametrize("job_id", ["", ".", "a/b", "-a", "a" * 65, "ä", "a b"])
    async def test_impossible_id(self, engine: Engine, job_id: str) -> None:
        with pytest.raises(Invalid):
            await create(engine, id=job_id)

    async def test_id_that_is_taken(self, engine: Engine) -> None:
        await create(engine, id="taken")
        with pytest.raises(Conflict, match="There is a job taken already"):
            await create(engine, id="taken")

    async def test_what_json_cannot_tell(self, engine: Engine) -> None:
        with pytest.raises(Invalid):
            await create(engine, extra={"x": float("nan")})
        with pytest.raises(Invalid):
            await create(engine, extra={"x": object()})
        with pytest.raises(Invalid):
            await create(engine, labels={"x": 1})

    async def test_unknown_executor(self, engine: Engine) -> None:
        with pytest.raises(Invalid, match="no executor 'moon'"):
            await create(engine, executor="moon")

    async def test_key_makes_one_of_many(self, engine: Engine, root: Path, open_engine: Open) -> None:
        other = await open_engine(Settings(root))
        requests = [each.create(new(TRUE, job={"key": "k"}), start=True) for each in (engine, other) for _ in range(10)]
        answers = await asyncio.gather(*requests)
        assert sum(answer.new for answer in answers) == 1
        assert len({answer.job.id for answer in answers}) == 1
        assert await engine.count(API) == 1
        job = await reach(engine, answers[0].job.id, State.FINISHED)
        assert await engine.find(API, "k") == job

    async def test_key_of_another_api_is_another(self, engine: Engine) -> None:
        first = await engine.create(new(TRUE, job={"key": "k"}))
        second = await engine.create(new(TRUE, job={"key": "k", "api": "flux"}))
        assert (first.new, second.new) == (True, True)
        assert await engine.find("redengine", "k") is None


class TestList:
    async def test_all_in_order_of_creation(self, engine: Engine, six: list[Job]) -> None:
        assert await engine.jobs(API) == six
        assert await engine.jobs("flux") == []

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            (Query(states=(State.CREATED,)), [0, 1, 2, 3]),
            (Query(states=(State.FINISHED,)), [4, 5]),
            (Query(states=(State.FINISHED, State.CREATED)), [0, 1, 2, 3, 4, 5]),
            (Query(states=(State.RUNNING, State.QUEUED)), []),
            (Query(name="a"), [0, 1, 3]),
            (Query(name="b", states=(State.FINISHED,)), [4, 5]),
            (Query(name="c"), []),
            (Query(labels={"name": "a"}), [0, 1, 3]),
            (Query(labels={"name": "a", "number": "3"}), [3]),
            (Query(labels={"name": "a", "number": "2"}), []),
            (Query(limit=2), [0, 1]),
            (Query(limit=2, offset=3), [3, 4]),
            (Query(limit=0), []),
            (Query(offset=4), [4, 5]),
            (Query(newest_first=True, limit=2), [5, 4]),
            (Query(states=(State.FINISHED, State.CREATED), newest_first=True, limit=3, offset=1), [4, 3, 2]),
            (Query(order="ended"), [5, 4]),
            (Query(order="ended", newest_first=True), [4, 5]),
            (Query(order="ended", name="b", labels={"number": "4"}), [4]),
        ],
    )
    async def test_query(self, engine: Engine, six: list[Job], query: Query, expected: list[int]) -> None:
        assert ids(await engine.jobs(API, query)) == [six[number].id for number in expected]

    @pytest.mark.parametrize("order", ["created", "ended"])
    @pytest.mark.parametrize("states", [(), (State.FINISHED,), (State.CREATED, State.FINISHED)])
    async def test_every_offset(
        self, engine: Engine, six: list[Job], order: Literal["created", "ended"], states: tuple[State, ...]
    ) -> None:
        for newest_first in (False, True):
            query = Query(states=states, order=order, newest_first=newest_first)
            everything = await engine.jobs(API, query)
            assert len(everything) == (2 if order == "ended" or states == (State.FINISHED,) else len(six))
            for offset in range(9):
                for limit in (None, 0, 1, 2, 99):
                    page = await engine.jobs(API, replace(query, offset=offset, limit=limit))
                    assert page == everything[offset:][:limit]

    async def test_pages_by_number(self, engine: Engine, six: list[Job]) -> None:
        found, after = [], None
        while page := await engine.jobs(API, Query(limit=4, after=after)):
            found.extend(page)
            after = page[-1].seq
        assert found == six
        backwards = await engine.jobs(API, Query(newest_first=True, after=six[3].seq))
        assert ids(backwards) == ids(six[2::-1])

    async def test_pages_of_the_ended(self, engine: Engine, six: list[Job]) -> None:
        (last,) = await engine.jobs(API, Query(order="ended", after=six[5].ended))
        assert last == six[4]


class TestCount:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            (None, 6),
            (Query(limit=1, offset=3, after=2), 6),
            (Query(states=(State.CREATED,)), 4),
            (Query(states=(State.CREATED, State.FINISHED)), 6),
            (Query(states=(State.RUNNING,)), 0),
            (Query(name="a"), 3),
            (Query(name="b", states=(State.FINISHED, State.CREATED)), 3),
            (Query(labels={"number": "1"}), 1),
            (Query(order="ended"), 2),
            (Query(order="ended", states=(State.CREATED,)), 0),
            (Query(order="ended", labels={"number": "1"}), 0),
            (Query(order="ended", labels={"number": "5"}), 1),
        ],
    )
    async def test_query(self, engine: Engine, six: list[Job], query: Query | None, expected: int) -> None:
        assert len(six) == 6
        assert await engine.count(API, query) == expected

    async def test_after_deletion(self, engine: Engine, six: list[Job]) -> None:
        await engine.delete(API, six[0].id)
        await engine.delete(API, six[5].id)
        assert await engine.count(API) == 4
        assert await engine.count(API, Query(states=(State.FINISHED,))) == 1


class TestChange:
    async def test_status(self, engine: Engine) -> None:
        job = await create(engine)
        changed = await engine.set_status(API, job.id, {"a": "☃"})
        assert (changed.status, changed.status_json) == ({"a": "☃"}, '{"a": "\\u2603"}')
        assert changed.change > job.change
        assert (await engine.set_status(API, job.id, {})).status == {}

    async def test_status_in_certain_states_only(self, engine: Engine) -> None:
        job = await create(engine)
        with pytest.raises(Conflict, match="is created"):
            await engine.set_status(API, job.id, {"a": 1}, (State.RUNNING,))
        assert (await engine.get(API, job.id)).status == {}

    async def test_status_of_an_unknown_job(self, engine: Engine) -> None:
        with pytest.raises(NotFound):
            await engine.set_status(API, "unknown", {})

    async def test_status_by_forty_at_once(self, engine: Engine, root: Path, open_engine: Open) -> None:
        other = await open_engine(Settings(root))
        job = await create(engine)
        written = [{"n": number, "fill": "x" * number} for number in range(40)]
        engines = [engine, other] * 20
        writers = (each.set_status(API, job.id, status) for each, status in zip(engines, written, strict=True))
        await asyncio.gather(*writers)
        assert (await engine.get(API, job.id)).status in written

    async def test_extra(self, engine: Engine) -> None:
        job = await create(engine, extra={"a": 1})
        assert (await engine.set_extra(API, job.id, {"b": 2})).extra == {"b": 2}
        with pytest.raises(NotFound):
            await engine.set_extra(API, "unknown", {})


class TestDelete:
    async def test_finished(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("echo hello"))
        directory = Path(engine.directory(job.id))
        assert is_there(directory)
        await engine.delete(API, job.id)
        with pytest.raises(NotFound):
            await engine.get(API, job.id)
        await until(lambda: not is_there(directory))

    async def test_on_its_way(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        running = await start_running(engine, Command(("sleep", "600")))
        queued = await start(engine, TRUE)
        for job in (running, queued):
            with pytest.raises(Conflict, match=f"{job.id} is {job.state}"):
                await engine.delete(API, job.id)

    async def test_unknown(self, engine: Engine) -> None:
        with pytest.raises(NotFound):
            await engine.delete(API, "unknown")

    async def test_id_can_be_given_again_once_all_is_gone(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("echo first"), job={"id": "again"})
        await engine.delete(API, job.id)
        async with asyncio.timeout(60):
            while True:
                try:
                    second = await run_to_end(engine, shell("echo second"), job={"id": "again"})
                    break
                except Conflict:
                    await asyncio.sleep(0.01)
        assert (await engine.output(API, second.id)).data == b"second\n"


class TestRetention:
    async def test_by_number(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, keep={API: Keep(jobs=2)}, seconds_between_tidying=0.05))
        waiting = await create(engine)
        jobs = [await run_to_end(engine, TRUE) for _ in range(4)]
        await settle(engine, API, 3)
        assert ids(await engine.jobs(API)) == ids([waiting, *jobs[2:]])
        await until(lambda: not is_there(Path(engine.directory(jobs[0].id))))

    async def test_by_age(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, keep={API: Keep(seconds=3600)}, seconds_between_tidying=0.05))
        old, young = [await run_to_end(engine, TRUE) for _ in range(2)]
        change(root, "UPDATE job SET finished_at = finished_at - 3601 WHERE id = ?", old.id)
        await settle(engine, API, 1)
        assert ids(await engine.jobs(API)) == [young.id]

    async def test_of_one_api_only(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, keep={"flux": Keep(jobs=0)}, seconds_between_tidying=0.05))
        kept = await run_to_end(engine, TRUE)
        await run_to_end(engine, TRUE, job={"api": "flux"})
        await settle(engine, "flux", 0)
        assert ids(await engine.jobs(API)) == [kept.id]


class TestClock:
    async def test_stepping_back(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        hours = iter(range(1000, 0, -1))
        monkeypatch.setattr("time.time", lambda: next(hours) * 3600.0)
        jobs = [await run_to_end(engine, TRUE) for _ in range(4)]
        assert ids(await engine.jobs(API)) == ids(jobs)
        assert ids(await engine.jobs(API, Query(order="ended"))) == ids(jobs)
        assert [event.change for event in await engine.events(API, 0)] == list(range(1, 21))
        assert all(job.duration is not None and 0 <= job.duration < 60 for job in jobs)


class TestJournal:
    async def test_of_a_life(self, engine: Engine) -> None:
        job = await create(engine)
        await engine.set_status(API, job.id, {"a": 1})
        await engine.start(API, job.id)
        await reach(engine, job.id, State.FINISHED)
        await engine.delete(API, job.id)
        events = await engine.events(API, 0)
        assert [event.event for event in events] == [
            "created",
            "status",
            "queued",
            "starting",
            "running",
            "finished",
            "deleted",
        ]
        assert [event.change for event in events] == sorted({event.change for event in events})
        assert {(event.id, event.api) for event in events} == {(job.id, API)}
        assert await engine.events("flux", 0) == []
        assert await engine.events(API, events[4].change) == events[5:]
        assert await engine.events(API, 0, 2) == events[:2]

    async def test_last_change(self, engine: Engine) -> None:
        before = await engine.last_change()
        job = await create(engine)
        assert await engine.last_change() == job.change == before + 1


async def settle(engine: Engine, api: str, jobs: int) -> None:
    """Wait until an API has so many jobs."""
    async with asyncio.timeout(60):
        async for _ in engine.follow_events(api, 0):
            if await engine.count(api) == jobs:
                return


def is_there(path: Path) -> bool:
    return path.exists()


def change(root: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(root / "jobs.db", isolation_level=None)
    connection.execute(statement, values)
    connection.close()
