"""What happens to jobs, as events: all of it, in order, and again from any place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest

from opsgate.backends.errors import Invalid, NotFound
from opsgate.backends.flux.port import Event, FluxBackend
from tests.backends.flux.support import SECONDS, SLEEP, ended, happened, new, printed, run, running, shell

pytestmark = pytest.mark.anyio

ESSENTIAL = ("submit", "validate", "depend", "priority", "alloc", "start", "exception", "finish", "free", "clean")


def essential(events: list[Event]) -> list[str]:
    """The names of events that each engine tells, in order."""
    return [event.name for event in events if event.name in ESSENTIAL]


def context(events: list[Event], name: str, *members: str) -> dict[str, Any]:
    """Members of the context of the one event of a name."""
    (found,) = [event.context for event in events if event.name == name]
    return {member: found[member] for member in members}


async def until_clean(events: AsyncIterator[Event], numbers: set[int]) -> list[Event]:
    """Read events until each of these jobs had its last one."""
    found: list[Event] = []
    async with asyncio.timeout(SECONDS), aclosing(cast("Any", events)):
        async for event in events:
            found.append(event)
            numbers -= {event.job} if event.name == "clean" and event.job else set()
            if not numbers:
                break
    return found


class TestOneJob:
    async def test_that_completed(self, backend: FluxBackend) -> None:
        record = await backend.jobs.submit(new("true"))
        events = await happened(backend.events, record)
        names = ["submit", "validate", "depend", "priority", "alloc", "start", "finish", "free", "clean"]
        assert essential(events) == names
        assert {event.job for event in events} == {record.id}
        assert context(events, "submit", "urgency") == {"urgency": 16}
        assert context(events, "priority", "priority") == {"priority": 16}
        assert context(events, "finish", "status") == {"status": 0}
        assert [event.timestamp for event in events] == sorted(event.timestamp for event in events)

    async def test_that_failed(self, backend: FluxBackend) -> None:
        record = await backend.jobs.submit(new("/no/such"))
        events = await happened(backend.events, record)
        assert context(events, "finish", "status") == {"status": 32512}
        assert context(events, "exception", "type", "severity") == {"type": "exec", "severity": 0}

    async def test_that_was_cancelled(self, backend: FluxBackend) -> None:
        record = await backend.jobs.submit(shell("echo ready; exec sleep 600"))
        await printed(backend.jobs, record, "ready")
        await backend.jobs.cancel(record.id)
        events = await happened(backend.events, record)
        assert essential(events)[-4:] == ["exception", "finish", "free", "clean"]
        assert context(events, "exception", "type", "severity", "note") == {"type": "cancel", "severity": 0, "note": ""}

    async def test_that_was_cancelled_before_it_ran(self, backend: FluxBackend) -> None:
        record = await backend.jobs.submit(new("true", urgency=0))
        await backend.jobs.cancel(record.id)
        events = await happened(backend.events, record)
        assert essential(events) == ["submit", "validate", "depend", "priority", "exception", "clean"]

    async def test_that_took_too_long(self, backend: FluxBackend) -> None:
        record = await backend.jobs.submit(new(*SLEEP, duration=0.5))
        events = await happened(backend.events, record)
        assert context(events, "exception", "type") == {"type": "timeout"}
        assert context(events, "finish", "status") == {"status": 36352}

    async def test_that_waited_for_another(self, backend: FluxBackend) -> None:
        first = await running(backend.jobs, new(*SLEEP))
        second = await backend.jobs.submit(new("true", dependencies=(f"afterany:{first.id}",)))
        await backend.jobs.cancel(first.id)
        names = [event.name for event in await happened(backend.events, second)]
        order = ("submit", "dependency-add", "validate", "dependency-remove", "depend", "alloc")
        places = [names.index(name) for name in order]
        assert places == sorted(places)

    async def test_that_is_over_already(self, backend: FluxBackend) -> None:
        record = await run(backend.jobs, new("true"))
        events = await happened(backend.events, record)
        assert (events[0].name, events[-1].name) == ("submit", "clean")

    async def test_unknown(self, backend: FluxBackend) -> None:
        with pytest.raises(NotFound, match="unknown job id"):
            await anext(backend.events.follow(job=12345))


class TestAgain:
    async def test_from_each_place(self, backend: FluxBackend) -> None:
        record = await run(backend.jobs, new("true"))
        events = await happened(backend.events, record)
        assert len({event.id for event in events}) == len(events)
        for place, event in enumerate(events):
            assert await happened(backend.events, record, event.id) == events[place + 1 :]

    async def test_of_all_jobs(self, backend: FluxBackend) -> None:
        first = await run(backend.jobs, new("true"))
        (*_, last) = await happened(backend.events, first)
        others = {(await run(backend.jobs, new("true"))).id for _ in range(3)}
        found = await until_clean(backend.events.follow(last.id), set(others))
        assert {event.job for event in found if event.job} >= others
        again = await until_clean(backend.events.follow(found[4].id), set(others))
        assert again == found[5:]

    @pytest.mark.parametrize("after", ["", "x", "1", "abc-1", "a b", "-1.0", "1-2.3.4"])
    async def test_what_is_no_place(self, backend: FluxBackend, after: str) -> None:
        with pytest.raises(Invalid, match="is not the id of an event"):
            await anext(backend.events.follow(after))


class TestNow:
    async def test_what_happens_from_now_on(self, backend: FluxBackend) -> None:
        await run(backend.jobs, new("true"))
        follow = backend.events.follow()
        first = asyncio.ensure_future(anext(follow))
        await asyncio.sleep(0.1)  # it has begun to follow, or tells of what was submitted just before
        record = await backend.jobs.submit(new("true"))
        event = await asyncio.wait_for(first, SECONDS)
        assert (event.job, event.name) == (record.id, "submit")
        found = await until_clean(follow, {record.id})
        assert essential(found) == ["validate", "depend", "priority", "alloc", "start", "finish", "free", "clean"]

    async def test_many_jobs_none_is_forgotten(self, backend: FluxBackend) -> None:
        follow = backend.events.follow()
        first = asyncio.ensure_future(anext(follow))
        await asyncio.sleep(0.1)
        records = [await backend.jobs.submit(new("true")) for _ in range(20)]
        await first
        found = [first.result(), *await until_clean(follow, {record.id for record in records})]
        for record in records:
            names = essential([event for event in found if event.job == record.id])
            assert (names[0], names[-1], len(names)) == ("submit", "clean", 9)
            await ended(backend.jobs, record)
