"""Jobs as the journal tells them are the jobs that Flux's job-list service shows, to the last member."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from opsgate.backends.flux.broker import bindings
from opsgate.backends.flux.broker.backend import BrokerBackend
from opsgate.backends.flux.port import NewJob, Selection
from opsgate.backends.flux.record import Record
from tests.backends.flux.broker.conftest import Open
from tests.backends.flux.broker.waiting import until
from tests.backends.flux.support import SECONDS, SLEEP, ended, new, printed, run, running, shell
from tests.engines.flux_instance import FluxInstance

pytestmark = pytest.mark.anyio


async def shown(instance: FluxInstance, number: int) -> dict[str, Any]:
    """What job-list shows of a job."""

    def ask() -> dict[str, Any]:
        handle = bindings.load().open(instance.uri)
        job: dict[str, Any] = handle.rpc("job-list.list-id", {"id": number, "attrs": ["all"]}).get()["job"]
        return job

    return await asyncio.to_thread(ask)


def told(record: Record) -> dict[str, Any]:
    return {name: value for name, value in record.attributes.items() if name != "f58"}


async def same(instance: FluxInstance, backend: BrokerBackend, number: int) -> dict[str, Any]:
    """Wait until both tell the same of a job: job-list hears of changes by itself, at its own time."""
    async with asyncio.timeout(SECONDS):
        while True:
            here, there = told(await backend.jobs.job(number)), await shown(instance, number)
            if here == there:
                return here
            if here["state"] == there["state"]:
                again = told(await backend.jobs.job(number))
                if again == here and await shown(instance, number) == there:
                    assert here == there
            await asyncio.sleep(0.01)


class TestOver:
    @pytest.mark.parametrize(
        "wanted",
        [
            new("true"),
            new("/bin/true", num_tasks=2, cores_per_task=2),
            new("true", num_tasks=2, num_nodes=1),
            new("true", num_nodes=1, exclusive=True),
            new("true", name="mine", urgency=20, duration=12.5),
            new("true", urgency=31),
            new("true", workdir="/tmp", option_flags={"verbose": "1"}),
            shell("exit 3"),
            shell("kill -9 $$"),
            new("/no/such"),
            new("true", cores_per_task=10_000),
            new("true", option_flags={"verbose": "x"}),
            new("sleep", "600", duration=0.5),
            new("echo", "\N{SNOWMAN}", name="\N{SNOWMAN}"),
        ],
        ids=str,
    )
    async def test_as_it_ends(self, shared: FluxInstance, open_backend: Open, wanted: NewJob) -> None:
        backend = await open_backend()
        record = await run(backend.jobs, wanted)
        assert (await same(shared, backend, record.id))["state"] == 64

    async def test_cancelled_while_it_runs(self, shared: FluxInstance, open_backend: Open) -> None:
        backend = await open_backend()
        record = await backend.jobs.submit(shell("echo ready; exec sleep 600"))
        await printed(backend.jobs, record, "ready")
        await backend.jobs.cancel(record.id)
        await ended(backend.jobs, record)
        assert (await same(shared, backend, record.id))["result"] == 4

    async def test_cancelled_before_it_runs(self, shared: FluxInstance, open_backend: Open) -> None:
        backend = await open_backend()
        record = await backend.jobs.submit(new("true", urgency=0))
        await backend.jobs.cancel(record.id)
        await ended(backend.jobs, record)
        assert (await same(shared, backend, record.id))["result"] == 4

    async def test_that_waited_for_another(self, shared: FluxInstance, open_backend: Open) -> None:
        backend = await open_backend()
        first = await running(backend.jobs, new(*SLEEP))
        record = await backend.jobs.submit(new("true", dependencies=(f"afterany:{first.id}",)))
        assert (await same(shared, backend, record.id))["dependencies"] == [f"after-finish={first.attributes['f58']}"]
        await backend.jobs.cancel(first.id)
        await ended(backend.jobs, record)
        assert (await same(shared, backend, record.id))["dependencies"] == []


class TestOnItsWay:
    async def test_while_it_runs(self, shared: FluxInstance, open_backend: Open) -> None:
        backend = await open_backend()
        record = await running(backend.jobs, new(*SLEEP, num_tasks=2))
        assert (await same(shared, backend, record.id))["state"] == 16

    async def test_held_and_let_go(self, shared: FluxInstance, open_backend: Open) -> None:
        backend = await open_backend()
        record = await backend.jobs.submit(new("true", urgency=0))
        assert (await same(shared, backend, record.id))["state"] == 8
        await backend.jobs.set_urgency(record.id, 7)
        await ended(backend.jobs, record)
        assert (await same(shared, backend, record.id))["urgency"] == 7

    async def test_note_of_its_user(self, shared: FluxInstance, open_backend: Open) -> None:
        backend = await open_backend()
        record = await running(backend.jobs, new(*SLEEP))
        await asyncio.to_thread(shared.run, "job", "memo", str(record.id), "a=b", "c=2")

        async def is_noted() -> bool:
            return "user" in told(await backend.jobs.job(record.id))["annotations"]

        await until(is_noted)
        assert (await same(shared, backend, record.id))["annotations"]["user"] == {"a": "b", "c": 2}

    async def test_with_a_later_end(self, shared: FluxInstance, open_backend: Open) -> None:
        backend = await open_backend()
        record = await running(backend.jobs, new(*SLEEP, duration=600.0))
        before = record.attributes["expiration"]
        await asyncio.to_thread(shared.run, "update", str(record.id), "duration=+60")

        async def is_later() -> bool:
            return bool(told(await backend.jobs.job(record.id))["expiration"] != before)

        await until(is_later)
        assert (await same(shared, backend, record.id))["expiration"] == pytest.approx(before + 60, abs=1)


async def some_of_each(backend: BrokerBackend) -> None:
    """Two jobs that are over, two that run, two that are held."""
    for wanted in (new("true"), shell("exit 3")):
        await run(backend.jobs, wanted)
    for _ in range(2):
        await running(backend.jobs, new(*SLEEP))
        await backend.jobs.submit(new("true", urgency=0))


class TestList:
    async def test_in_the_order_of_flux(self, shared: FluxInstance, open_backend: Open) -> None:
        backend = await open_backend()
        await some_of_each(backend)
        here = [told(record) for record in await backend.jobs.jobs(Selection())]
        lines = (await asyncio.to_thread(shared.run, "jobs", "-a", "-n", "-o", "{id.dec}")).split()
        assert [job["id"] for job in here] == [int(line) for line in lines]

    async def test_another_worker_that_starts_later(self, open_backend: Open) -> None:
        first = await open_backend()
        await some_of_each(first)
        second = await open_backend()
        here, there = await first.jobs.jobs(Selection()), await second.jobs.jobs(Selection())
        assert [told(record) for record in there] == [told(record) for record in here]
