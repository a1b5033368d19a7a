"""A broker that is not there, goes, comes back, hangs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Timeout, Unavailable
from opsgate.backends.flux.broker import bindings
from opsgate.backends.flux.broker.backend import BrokerBackend
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.port import Selection
from tests.backends.flux.broker.waiting import until
from tests.backends.flux.support import SLEEP, new, run, running
from tests.engines.flux_instance import FluxInstance

pytestmark = pytest.mark.anyio


@pytest.fixture
async def backend(instance: FluxInstance) -> AsyncIterator[BrokerBackend]:
    """A backend in front of an instance of this test's own, which may be killed."""
    opened = BrokerBackend(Connection(instance.uri))
    yield opened
    await opened.aclose()


async def answers(backend: BrokerBackend) -> bool:
    try:
        await backend.ready()
    except Unavailable:
        return False
    return True


class TestRestart:
    async def test_away_is_told_at_once_and_back_is_noticed(
        self, instance: FluxInstance, backend: BrokerBackend
    ) -> None:
        before = await run(backend.jobs, new("true"))
        page = await backend.jobs.jobs(Selection())
        for _ in range(2):
            await asyncio.to_thread(instance.kill)
            with pytest.raises(Unavailable):
                await backend.jobs.job(before.id)
            for call in (backend.jobs.jobs(Selection()), backend.jobs.submit(new("true")), backend.nodes.nodes()):
                with pytest.raises(Unavailable):
                    await call
            await asyncio.to_thread(instance.start)
            await until(lambda: answers(backend))
            assert list(await backend.jobs.jobs(Selection())) == []
            assert (await run(backend.jobs, new("true"))).returncode == 0
            later = await backend.jobs.jobs(Selection())
            assert later.change != page.change

    async def test_whoever_waits_is_told(self, instance: FluxInstance, backend: BrokerBackend) -> None:
        record = await running(backend.jobs, new(*SLEEP))
        waiting = asyncio.create_task(backend.jobs.job(record.id, wait=60))
        listening = asyncio.ensure_future(anext(backend.events.follow()))
        reading = asyncio.ensure_future(anext(backend.jobs.follow(record.id)))
        await asyncio.sleep(0.1)
        await asyncio.to_thread(instance.kill)
        tasks: list[asyncio.Future[Any]] = [waiting, listening, reading]
        for task in tasks:
            with pytest.raises(Unavailable):
                await task

    async def test_no_descriptor_is_left(self, instance: FluxInstance, backend: BrokerBackend) -> None:
        await backend.aopen()
        before = sockets()
        for _ in range(3):
            await asyncio.to_thread(instance.kill)
            await asyncio.to_thread(instance.start)
            await until(lambda: answers(backend))
        assert sockets() == before

    async def test_an_id_of_the_instance_before(self, instance: FluxInstance, backend: BrokerBackend) -> None:
        record = await run(backend.jobs, new("true"))
        first = await anext(backend.events.follow(job=record.id))
        await asyncio.to_thread(instance.kill)
        await asyncio.to_thread(instance.start)
        await until(lambda: answers(backend))
        assert (await anext(backend.events.follow(after=first.id))).name == "reset"


class TestHangs:
    async def test_is_told_after_its_time(self, instance: FluxInstance) -> None:
        backend = BrokerBackend(Connection(instance.uri, seconds=0.5))
        await backend.aopen()
        broker = instance.broker
        os.kill(broker, signal.SIGSTOP)
        try:
            with pytest.raises(Timeout):
                await backend.nodes.nodes()
            with pytest.raises(Timeout):
                await backend.jobs.submit(new("true"))
        finally:
            os.kill(broker, signal.SIGCONT)
        await until(lambda: answers(backend))
        await backend.aclose()

    async def test_ends_all_the_same(self, instance: FluxInstance) -> None:
        backend = BrokerBackend(Connection(instance.uri, seconds=0.5))
        broker = instance.broker
        os.kill(broker, signal.SIGSTOP)
        try:
            with pytest.raises(Timeout):
                await backend.ready()
            await backend.aclose()
        finally:
            os.kill(broker, signal.SIGCONT)


class TestNeverThere:
    async def test_says_where_it_looked(self, tmp_path: Path) -> None:
        uri = f"local://{tmp_path}/none"
        backend = BrokerBackend(Connection(uri))
        with pytest.raises(Unavailable, match=f"{tmp_path}/none"):
            await backend.ready()
        await backend.aclose()
        assert f"{tmp_path}/none" in str(bindings.trouble(uri))

    async def test_there_it_is(self, instance: FluxInstance) -> None:
        assert bindings.trouble(instance.uri) is None


def sockets() -> int:
    links = []
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names
        try:
            links.append(os.readlink(f"/proc/self/fd/{name}"))  # noqa: PTH115 - targets are no paths
        except FileNotFoundError:
            continue
    return sum(link.startswith("socket:") for link in links)
