"""An instance of two brokers, which say that they are on the same machine: they are."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from opsgate.backends.flux.broker.backend import BrokerBackend
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.port import Resources, Selection
from tests.backends.flux.broker.test_raw import same
from tests.backends.flux.support import SLEEP, ended, new, run, running
from tests.engines.flux_instance import FluxInstance

pytestmark = pytest.mark.anyio

HOST = os.uname().nodename


@pytest.fixture(scope="module")
def cluster() -> Iterator[FluxInstance]:
    """Two brokers, with the cores of this machine each."""
    directory = Path(tempfile.mkdtemp(prefix="flux-"))
    instance = FluxInstance(directory / "run", size=2)
    instance.start()
    yield instance
    instance.stop()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(params=["local-0", "local-1"])
async def backend(request: pytest.FixtureRequest, cluster: FluxInstance) -> AsyncIterator[BrokerBackend]:
    """A backend in front of the first or the second broker."""
    opened = BrokerBackend(Connection(f"local://{cluster.directory}/{request.param}"))
    yield opened
    await opened.aclose()


class TestNodes:
    async def test_each_name_once_and_all_cores(self, backend: BrokerBackend) -> None:
        cores = len(os.sched_getaffinity(0))
        assert await backend.nodes.nodes() == [HOST]
        assert await backend.nodes.resources() == Resources(nodes=2, cores=2 * cores)

    async def test_is_told(self, backend: BrokerBackend) -> None:
        told = await backend.ready()
        assert (told["name"], told["brokers"]) == ("flux", 2)


class TestJobs:
    async def test_over_both(self, cluster: FluxInstance, backend: BrokerBackend) -> None:
        record = await run(backend.jobs, new("hostname", num_tasks=2, num_nodes=2))
        assert (record.attributes["nnodes"], record.attributes["ranks"]) == (2, "[0-1]")
        assert await backend.jobs.output(record.id) == [f"{HOST}\n"] * 2
        await same(cluster, backend, record.id)

    async def test_more_tasks_than_fit_evenly(self, cluster: FluxInstance, backend: BrokerBackend) -> None:
        record = await run(backend.jobs, new("true", num_tasks=3, num_nodes=2))
        assert record.attributes["ntasks"] == 3
        await same(cluster, backend, record.id)

    async def test_whole_nodes(self, cluster: FluxInstance, backend: BrokerBackend) -> None:
        record = await running(backend.jobs, new(*SLEEP, num_tasks=2, num_nodes=2, exclusive=True))
        await same(cluster, backend, record.id)
        assert record.id in [job.id for job in await backend.jobs.jobs(Selection(states=("RUN",)))]
        await backend.jobs.cancel(record.id)
        await ended(backend.jobs, record)
