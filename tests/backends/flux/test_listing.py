"""Lists of jobs: their order, filters, search, pages, and what they are known to be the same by."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from opsgate.backends.flux.port import FluxBackend, JobsPort, Selection
from opsgate.backends.flux.record import Record
from tests.backends.flux.support import SLEEP, ended, new, run, running

pytestmark = pytest.mark.anyio


async def numbers(jobs: JobsPort, name: str, **selection: object) -> list[int]:
    """Return the numbers of listed jobs of this name, one name being one test's."""
    return [record.id for record in await jobs.jobs(Selection(name=name, **selection))]  # type: ignore[arg-type]


class TestOrder:
    async def test_pending_running_inactive(self, backend: FluxBackend) -> None:
        jobs, cores = backend.jobs, (await backend.nodes.resources()).cores
        over = [await run(jobs, new("true", name="ordered")) for _ in range(2)]
        first = await running(jobs, new(*SLEEP, name="ordered"))
        second = await running(jobs, new(*SLEEP, name="ordered", cores_per_task=cores - 1))
        waiting = [await jobs.submit(new("true", name="ordered", urgency=urgency)) for urgency in (16, 16, 20, 0)]
        expected = [waiting[2], waiting[0], waiting[1], waiting[3], second, first, over[1], over[0]]
        assert await numbers(jobs, "ordered") == [record.id for record in expected]

    async def test_same_as_alone(self, jobs: JobsPort) -> None:
        await run(jobs, new("true"))
        await running(jobs, new(*SLEEP))
        await jobs.submit(new("true", urgency=0))
        for record in await jobs.jobs(Selection()):
            assert record.raw == (await jobs.job(record.id)).raw


class TestFilters:
    @pytest.fixture
    async def three(self, jobs: JobsPort) -> list[Record]:
        over = await run(jobs, new("false", name="filtered"))
        busy = await running(jobs, new(*SLEEP, name="filtered"))
        held = await jobs.submit(new("true", name="filtered", urgency=0))
        return [held, busy, over]

    @pytest.mark.parametrize(
        ("states", "found"),
        [
            ((), [0, 1, 2]),
            (("SCHED",), [0]),
            (("RUN",), [1]),
            (("INACTIVE",), [2]),
            (("CLEANUP",), []),
            (("PENDING",), [0]),
            (("RUNNING",), [1]),
            (("ACTIVE",), [0, 1]),
            (("RUN", "INACTIVE"), [1, 2]),
        ],
    )
    async def test_states(self, jobs: JobsPort, three: list[Record], states: tuple[str, ...], found: list[int]) -> None:
        assert await numbers(jobs, "filtered", states=states) == [three[place].id for place in found]

    async def test_results(self, jobs: JobsPort, three: list[Record]) -> None:
        assert await numbers(jobs, "filtered", results=("FAILED",)) == [three[2].id]
        assert await numbers(jobs, "filtered", results=("COMPLETED", "TIMEOUT")) == []

    async def test_name(self, jobs: JobsPort, three: list[Record]) -> None:
        assert await numbers(jobs, "filtere") == []
        assert len(three) == 3

    async def test_since(self, jobs: JobsPort, three: list[Record]) -> None:
        ended_at = three[2].attributes["t_inactive"]
        assert await numbers(jobs, "filtered", since=ended_at) == [record.id for record in three]
        assert await numbers(jobs, "filtered", since=ended_at + 0.001) == [record.id for record in three[:2]]

    @pytest.mark.parametrize("search", ["FILTERED", "^\\d+ ƒ\\w+ sched", "filt.*red", "filtered"])
    async def test_search(self, jobs: JobsPort, three: list[Record], search: str) -> None:
        found = await numbers(jobs, "filtered", search=search)
        assert three[0].id in found

    async def test_search_by_id(self, jobs: JobsPort, three: list[Record]) -> None:
        assert await numbers(jobs, "filtered", search=str(three[1].attributes["f58"])) == [three[1].id]


class TestPages:
    async def test_limit_and_offset(self, jobs: JobsPort) -> None:
        everything = [(await jobs.submit(new("true", name="paged", urgency=0))).id for _ in range(5)]
        assert await numbers(jobs, "paged", limit=2) == everything[:2]
        assert await numbers(jobs, "paged", limit=2, offset=3) == everything[3:]
        assert await numbers(jobs, "paged", offset=9) == []
        assert await numbers(jobs, "paged", limit=0) == []
        assert await numbers(jobs, "paged", limit=None) == everything

    async def test_total(self, jobs: JobsPort) -> None:
        for _ in range(3):
            await jobs.submit(new("true", name="counted", urgency=0))
        page = await jobs.jobs(Selection(name="counted", limit=1))
        assert (len(page), page.total) == (1, 3)
        everything = await jobs.jobs(Selection(limit=1))
        assert everything.total >= 3

    async def test_text(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("true", name="written"))
        page = await jobs.jobs(Selection(name="written"))
        assert orjson.loads(page.raw) == [over.attributes]
        assert orjson.loads(page.flat) == [over.flattened()]
        assert orjson.loads(page.flat_by_id()) == {str(over.id): over.flattened()}


class TestChange:
    async def test_the_same_as_long_as_nothing_changes(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("true"))
        page = await jobs.jobs(Selection())
        assert await jobs.jobs(Selection()) is page
        await jobs.submit(new("true", urgency=0))
        later = await jobs.jobs(Selection())
        assert later.change != page.change
        assert over.id in [record.id for record in page]

    async def test_settled_or_not(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("true", name="settled"))
        assert (await jobs.jobs(Selection(name="settled"))).is_settled
        await running(jobs, new(*SLEEP, name="settled"))
        page = await jobs.jobs(Selection(name="settled"))
        assert not page.is_settled
        first = orjson.loads(page.flat)
        await asyncio.sleep(0.01)
        assert orjson.loads(page.flat)[0]["runtime"] > first[0]["runtime"]
        assert orjson.loads(page.flat)[1] == first[1] == over.flattened()

    async def test_a_thousand(self, jobs: JobsPort) -> None:
        for _ in range(20):
            await asyncio.gather(*(jobs.submit(new("true", name="many", urgency=0)) for _ in range(55)))
        page = await jobs.jobs(Selection(name="many"))
        assert (len(page), page.total) == (1000, 1100)
        assert len(orjson.loads(page.raw)) == 1000
        await asyncio.gather(*(jobs.cancel(number) for number in await numbers(jobs, "many", limit=None)))
        assert await numbers(jobs, "many", states=("PENDING",)) == []
        last = await jobs.jobs(Selection(name="many", limit=1))
        assert (await ended(jobs, last[0])).returncode == -128
