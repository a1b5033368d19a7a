"""Several workers in front of one instance: none tells less than another has told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from opsgate.backends.flux.port import Event, Selection
from opsgate.backends.flux.states import State
from tests.backends.flux.broker.conftest import Open
from tests.backends.flux.support import SECONDS, SLEEP, ended, happened, new, run, running, shell

pytestmark = pytest.mark.anyio


class TestJobs:
    async def test_what_one_submits_the_other_lists_at_once(self, open_backend: Open) -> None:
        first, second = await open_backend(), await open_backend()
        await asyncio.gather(first.aopen(), second.aopen())
        for _ in range(20):
            record = await first.jobs.submit(new("true", urgency=0))
            assert (await second.jobs.job(record.id)).id == record.id
            assert record.id in [job.id for job in await second.jobs.jobs(Selection())]

    async def test_what_one_cancels_the_other_shows(self, open_backend: Open) -> None:
        first, second = await open_backend(), await open_backend()
        record = await running(first.jobs, new(*SLEEP))
        await second.jobs.cancel(record.id)
        (listed,) = await first.jobs.jobs(Selection())
        assert listed.state >= State.CLEANUP
        assert (await ended(first.jobs, record)).flattened()["result"] == "CANCELED"

    async def test_waiting_in_one_for_a_job_of_the_other(self, open_backend: Open) -> None:
        first, second = await open_backend(), await open_backend()
        record = await first.jobs.submit(shell("sleep 0.2; exit 4"))
        assert (await second.jobs.job(record.id, wait=SECONDS)).returncode == 4

    async def test_equal_lists_have_equal_changes(self, open_backend: Open) -> None:
        first, second = await open_backend(), await open_backend()
        await asyncio.gather(first.aopen(), second.aopen())
        record = await run(first.jobs, new("true"))
        pages = [await backend.jobs.jobs(Selection()) for backend in (first, second)]
        assert pages[0].change == pages[1].change
        assert pages[0].raw == pages[1].raw
        await first.jobs.submit(new("true", urgency=0))
        later = await second.jobs.jobs(Selection())
        assert later.change != pages[1].change
        assert record.id in [job.id for job in later]


class TestEvents:
    async def test_both_tell_the_same(self, open_backend: Open) -> None:
        first, second = await open_backend(), await open_backend()
        await asyncio.gather(first.aopen(), second.aopen())
        following = [asyncio.create_task(first_events(one.events.follow(), 30)) for one in (first, second)]
        await asyncio.sleep(0)
        await asyncio.gather(*(first.jobs.submit(new("true")) for _ in range(5)))
        seen, there = [await task for task in following]
        assert there == seen
        assert await first_events(second.events.follow(seen[0].id), 29) == seen[1:]

    async def test_of_one_job_a_later_one_goes_on_where_it_was_left(self, open_backend: Open) -> None:
        first = await open_backend()
        records = await asyncio.gather(*(first.jobs.submit(new("true")) for _ in range(5)))
        told = [await happened(first.events, record) for record in records]
        second = await open_backend()
        for record, events in zip(records, told, strict=True):
            assert await happened(second.events, record, events[2].id) == events[3:]

    async def test_a_later_one_that_cannot_know_says_so(self, open_backend: Open) -> None:
        first = await open_backend()
        records = await asyncio.gather(*(first.jobs.submit(new("true")) for _ in range(5)))
        told = [await happened(first.events, record) for record in records]
        second = await open_backend()
        assert (await first_events(second.events.follow(told[0][2].id), 1))[0].name == "reset"

    async def test_a_later_one_that_can_know_goes_on(self, open_backend: Open) -> None:
        first = await open_backend()
        events = await happened(first.events, await run(first.jobs, new("true")))
        second = await open_backend()
        rest = events[3:]
        assert await first_events(second.events.follow(events[2].id), len(rest)) == rest


async def first_events(following: AsyncIterator[Event], number: int) -> list[Event]:
    found: list[Event] = []
    async with asyncio.timeout(SECONDS):
        async for event in following:
            found.append(event)
            if len(found) == number:
                break
    return found


class TestOlderThanTheTable:
    async def test_are_read_from_flux(self, open_backend: Open) -> None:
        backend = await open_backend()
        record = await run(backend.jobs, new("echo", "old"))
        backend._mirror.table.remove(record.id)
        assert (await backend.jobs.job(record.id)).flattened() == record.flattened()
        assert await backend.jobs.output(record.id) == ["old\n"]
