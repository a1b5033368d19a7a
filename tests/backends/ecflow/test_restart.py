"""The server ends and comes back: nothing stale is shown as new, nothing hangs, and all works again by itself."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import orjson
import pytest

from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.port import Action, Attribute, EcflowBackend, User
from opsgate.backends.errors import Away, EngineError, Timeout
from tests.backends.ecflow.polling import until
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio

SUITE = "suite r\n  family f\n    task t\n      meter m 0 1000\n    task u\n  endfamily\nendsuite\n"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EcflowServer]:
    """A server of one test alone."""
    started = EcflowServer(tmp_path / "home")
    started.start()
    started.load(SUITE)
    yield started
    started.thaw()
    started.terminate()


@pytest.fixture
async def backend(own: EcflowServer, tmp_path: Path) -> AsyncIterator[EcflowBackend]:
    """A worker that shares a directory, and hardly ever shows what it knew a moment before."""
    limits = Limits(age=0.001, polling_interval=0.5, answer=2)
    made = connect(Address("127.0.0.1", own.port), user=User("tester"), shared=tmp_path / "shared", limits=limits)
    yield made
    await made.aclose()


async def meter(backend: EcflowBackend) -> int:
    shown = orjson.loads((await backend.attributes.attributes("/r/f/t")).body)
    value: int = shown["meters"][0]["value"]
    return value


async def set_meter(backend: EcflowBackend, value: int) -> None:
    await backend.attributes.change_attribute("/r/f/t", Attribute("meter", "m", value))


class TestWhileAway:
    async def test_what_is_known_is_shown_for_a_while(
        self, backend: EcflowBackend, own: EcflowServer, tmp_path: Path
    ) -> None:
        where, limits = Address("127.0.0.1", own.port), Limits(age=0.001, polling_interval=600)
        patient = connect(where, user=User("tester"), shared=tmp_path / "shared", limits=limits)
        first = await patient.suites.suites()
        assert (await backend.suites.suites()).body == first.body
        own.checkpoint()
        own.kill()
        assert await patient.suites.suites() is first
        await asyncio.sleep(0.6)  # it is older than the other's polling interval now
        with pytest.raises(Away, match="cannot be reached"):
            await backend.suites.suites()
        assert await patient.suites.suites() is first
        own.start()
        assert (await backend.suites.suites()).body == first.body
        await patient.aclose()

    async def test_but_not_behind_a_command(self, backend: EcflowBackend, own: EcflowServer) -> None:
        await backend.suites.suites()
        own.kill()
        with pytest.raises(Away):
            await set_meter(backend, 1)
        with pytest.raises(Away):
            await backend.suites.suites()

    async def test_status_is_never_from_memory(self, backend: EcflowBackend, own: EcflowServer) -> None:
        await backend.status.status("/r")
        own.kill()
        with pytest.raises(Away):
            await backend.status.status("/r")

    async def test_commands_fail_at_once(self, backend: EcflowBackend, own: EcflowServer) -> None:
        own.kill()
        for call in (backend.server.ping(), backend.status.act("/r", Action("suspend")), backend.ready()):
            with pytest.raises(Away, match="cannot be reached"):  # one that had to wait would end with Timeout
                await call


class TestFrozen:
    async def test_nobody_waits_longer_than_the_limit(self, backend: EcflowBackend, own: EcflowServer) -> None:
        await backend.suites.suites()
        own.freeze()
        calls = [asyncio.create_task(backend.status.status("/r")) for _ in range(5)]
        await asyncio.sleep(0.2)
        calls += [asyncio.create_task(backend.status.status("/r")) for _ in range(5)]
        async with asyncio.timeout(20):  # one after the other they would wait for as long as that
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {Timeout}
        own.thaw()
        assert (await backend.status.status("/r")).status == "unknown"


class TestRestart:
    async def test_from_an_older_checkpoint_shows_the_older_state(
        self, backend: EcflowBackend, own: EcflowServer
    ) -> None:
        own.checkpoint()
        await set_meter(backend, 42)
        assert await meter(backend) == 42
        own.kill()
        own.start()
        assert await meter(backend) == 0

    async def test_whose_numbers_have_passed_ours(self, backend: EcflowBackend, own: EcflowServer) -> None:
        # After a restart they count from zero: having counted on, they look as if only a little had happened.
        own.checkpoint()
        await set_meter(backend, 1)
        before = (await backend.suites.suites()).change
        assert await meter(backend) == 1
        own.kill()
        own.start()
        while True:
            own.command("PathsCmd", api_=1, paths_=["/r/f/u"], force_=False)
            own.command("PathsCmd", api_=2, paths_=["/r/f/u"], force_=False)
            words = own.definition().split("\n")[1].split()
            numbers = dict(word.split(":", 1) for word in words if ":" in word)
            if int(numbers["state_change"]) > before.state + 10:
                break
        assert await meter(backend) == 0
        after = (await backend.suites.suites()).change
        assert after.server != before.server
        assert after.id != before.id

    async def test_of_an_empty_server(self, backend: EcflowBackend, own: EcflowServer) -> None:
        assert orjson.loads((await backend.suites.suites()).body) == ["r"]
        own.kill()
        for file in own.directory.glob("*.check*"):
            file.unlink()
        own.start()
        assert orjson.loads((await backend.suites.suites()).body) == []

    async def test_during_reads_and_writes(self, backend: EcflowBackend, own: EcflowServer) -> None:
        stop = asyncio.Event()
        lives = [0]  # grows when the server ends and when it is back
        acknowledged: list[int] = []
        failures: list[EngineError] = []

        async def write_and_read(value: int) -> None:
            life = lives[0]
            await set_meter(backend, value)
            acknowledged.append(value)
            shown = await meter(backend)
            if lives[0] == life:  # else the write may have gone with the server that took it
                assert shown == value

        async def repeat(act: Callable[[int], Awaitable[object]]) -> None:
            for number in itertools.count(1):
                if stop.is_set():
                    return
                try:
                    await act(number % 1000)
                except EngineError as error:
                    failures.append(error)
                await asyncio.sleep(0.005)

        tasks = [asyncio.create_task(repeat(write_and_read))]
        tasks += [asyncio.create_task(repeat(lambda _: backend.nodes.tree("/r"))) for _ in range(2)]
        for _ in range(3):
            enough = len(acknowledged) + 5
            await until(lambda enough=enough: len(acknowledged) >= enough)  # type: ignore[misc]
            await asyncio.to_thread(own.checkpoint)
            lives[0] += 1
            await asyncio.to_thread(own.kill)
            await asyncio.to_thread(own.start)
            lives[0] += 1
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 20)
        assert failures
        assert {type(failure) for failure in failures} <= {Away, Timeout}
        await set_meter(backend, 999)
        assert await meter(backend) == 999


class TestHalted:
    async def test_is_said(self, backend: EcflowBackend, own: EcflowServer) -> None:
        own.kill()
        own.start(halted=True)
        assert (await backend.ready())["state"] == "HALTED"
        assert (await backend.server.status())["status"] == "HALTED"
        await backend.server.act("restart")
        assert (await backend.ready())["state"] == "RUNNING"
