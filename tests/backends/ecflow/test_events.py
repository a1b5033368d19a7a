"""Changes as they come: told once known, resumed where they were left, by any worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.port import Action, EcflowBackend, Event, User
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def quick(server: EcflowServer) -> AsyncIterator[EcflowBackend]:
    made = connect(Address("127.0.0.1", server.port), user=User("tester"), limits=Limits(watch_interval=0.02))
    yield made
    await made.aclose()


async def collect(events: AsyncIterator[Event], path: str, count: int) -> list[Event]:
    """The next events of a suite, `count` of them."""
    found: list[Event] = []
    async with asyncio.timeout(60):
        async for event in events:
            if event.kind == "reset" or path in repr(event.data):
                found.append(event)
            if len(found) == count:
                break
    return found


async def follow(backend: EcflowBackend, path: str, count: int) -> asyncio.Task[list[Event]]:
    """Collect the events of a suite from now on."""
    now = (await backend.suites.suites()).change
    return asyncio.create_task(collect(backend.events.subscribe(now.id), path, count))


class TestSubscribe:
    async def test_tells_states(self, quick: EcflowBackend, server: EcflowServer, suite: str) -> None:
        following = await follow(quick, f"/{suite}/f/t", 2)
        server.command("PathsCmd", api_=1, paths_=[f"/{suite}/f/t"], force_=False)  # by somebody else
        assert (await quick.status.status(f"/{suite}/f/t")).status == "suspended"
        await quick.status.act(f"/{suite}/f/t", Action("defstatus", defstatus="complete"))
        first, second = await following
        assert (first.kind, first.data) == (
            "state",
            {
                "path": f"/{suite}/f/t",
                "status": "suspended",
                "previous": "unknown",
                "state": "unknown",
                "default_status": "queued",
            },
        )
        assert second.data["default_status"] == "complete"
        assert first.id != second.id

    async def test_tells_what_comes_and_goes(self, quick: EcflowBackend, suite: str) -> None:
        following = await follow(quick, f"/{suite}", 2)
        await quick.nodes.put_child(f"/{suite}", "family g\n  task t\nendfamily")
        await quick.suites.suites()
        await quick.nodes.delete(f"/{suite}/f/t")
        await quick.suites.suites()
        told = [event.data for event in await following if event.kind == "structure"]
        assert told == [
            {"added": [f"/{suite}/g"], "removed": []},
            {"added": [], "removed": [f"/{suite}/f/t"]},
        ]

    async def test_goes_on_where_it_was_left(self, quick: EcflowBackend, suite: str) -> None:
        following = await follow(quick, f"/{suite}/f", 1)
        await quick.status.act(f"/{suite}/f/t", Action("suspend"))
        (first,) = await following
        await quick.status.act(f"/{suite}/f/t", Action("resume"))
        await quick.status.act(f"/{suite}/f/u", Action("suspend"))
        missed = await collect(quick.events.subscribe(first.id), f"/{suite}/f", 2)
        assert [(event.data["path"], event.data["status"]) for event in missed] == [
            (f"/{suite}/f/t", "unknown"),
            (f"/{suite}/f/u", "suspended"),
        ]

    async def test_at_another_worker(self, quick: EcflowBackend, backend: EcflowBackend, suite: str) -> None:
        await backend.suites.suites()  # the other one was there before
        following = await follow(quick, f"/{suite}/f", 1)
        await quick.status.act(f"/{suite}/f/t", Action("suspend"))
        (first,) = await following
        await quick.status.act(f"/{suite}/f/u", Action("suspend"))
        found = await collect(backend.events.subscribe(first.id), f"/{suite}/f/u", 1)
        assert [(event.kind, event.data.get("status")) for event in found] == [("state", "suspended")]

    @pytest.mark.parametrize("after", ["", "nonsense", "2026Nov22000000-1-1", "x-99999999-1", "-1-1"])
    async def test_from_an_unknown_place(self, after: str, quick: EcflowBackend, suite: str) -> None:
        (event,) = await collect(quick.events.subscribe(after), f"/{suite}", 1)
        assert (event.kind, event.data) == ("reset", {})

    async def test_from_the_present(self, quick: EcflowBackend, suite: str) -> None:
        following = await follow(quick, f"/{suite}/f", 1)
        await quick.status.act(f"/{suite}/f/t", Action("suspend"))
        (event,) = await following
        again = asyncio.create_task(collect(quick.events.subscribe(event.id), f"/{suite}/f", 1))
        await quick.status.act(f"/{suite}/f/t", Action("resume"))
        assert [one.data["status"] for one in await again] == ["unknown"]

    async def test_from_now_on(self, quick: EcflowBackend, suite: str) -> None:
        await quick.status.act(f"/{suite}/f/t", Action("suspend"))
        await quick.suites.suites()
        first = asyncio.create_task(collect(quick.events.subscribe(), f"/{suite}/f", 1))
        for action in ("resume", "suspend") * 50:  # until it follows
            await quick.status.act(f"/{suite}/f/t", Action(action))
            if first.done():
                break
        (event,) = await first
        assert event.data["path"] == f"/{suite}/f/t"
