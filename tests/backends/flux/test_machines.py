"""Nodes, resources, readiness, the end of the service."""

from __future__ import annotations

import pytest

from opsgate.backends.flux.port import FluxBackend
from tests.backends.flux.support import SLEEP, ended, new, running

pytestmark = pytest.mark.anyio


class TestNodes:
    async def test_each_once_sorted(self, backend: FluxBackend) -> None:
        names = await backend.nodes.nodes()
        assert names == sorted(set(names))
        assert all(names)

    async def test_the_same_while_they_are_busy(self, backend: FluxBackend) -> None:
        names, resources = await backend.nodes.nodes(), await backend.nodes.resources()
        record = await running(backend.jobs, new(*SLEEP, cores_per_task=resources.cores))
        assert (await backend.nodes.nodes(), await backend.nodes.resources()) == (names, resources)
        assert record.attributes["nodelist"] in names

    async def test_exclusive_takes_all_of_one(self, backend: FluxBackend) -> None:
        resources = await backend.nodes.resources()
        assert (resources.nodes >= 1, resources.cores >= resources.nodes) == (True, True)
        record = await running(backend.jobs, new(*SLEEP, num_nodes=1, exclusive=True))
        assert record.attributes["nnodes"] == 1
        if resources.nodes == 1:
            waiting = await backend.jobs.submit(new("true"))
            await backend.jobs.cancel(record.id)
            over, before = await ended(backend.jobs, waiting), await ended(backend.jobs, record)
            assert over.attributes["t_run"] >= before.attributes["t_inactive"] - 0.05


class TestReady:
    async def test_which_engine_and_how_it_is(self, backend: FluxBackend) -> None:
        await backend.aopen()
        told = await backend.ready()
        assert {"name", "state"} <= set(told)
        assert backend.engine in ("local", "flux")
