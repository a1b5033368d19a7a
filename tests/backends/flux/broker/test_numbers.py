"""What is counted of an instance, for /metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsgate.backends.errors import NotFound, Unavailable
from opsgate.backends.flux.broker.backend import BrokerBackend
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.port import NewJob
from tests.backends.flux.broker.conftest import Open

pytestmark = pytest.mark.anyio


def called(backend: BrokerBackend) -> dict[str, list[float]]:
    """Calls and failures by topic."""
    [calls] = backend.calls
    assert calls.engine == "flux"
    return {name: tally[:2] for name, tally in calls.tallies.items()}


class TestCalls:
    async def test_reads_and_changes(self, open_backend: Open) -> None:
        backend = await open_backend()
        await backend.nodes.nodes()
        record = await backend.jobs.submit(NewJob(command=("sleep", "60")))
        await backend.jobs.cancel(record.id)
        with pytest.raises(NotFound):
            await backend.jobs.job(1)
        found = called(backend)
        assert {name: found[name] for name in found if name != "job-manager.ping"} == {
            "resource.sched-status": [1, 0],
            "job-ingest.submit": [1, 0],
            "job-manager.raise": [1, 0],
            "job-list.list-id": [1, 0],
        }

    async def test_an_instance_that_is_away(self, tmp_path: Path) -> None:
        backend = BrokerBackend(Connection(f"local://{tmp_path}/none"))
        with pytest.raises(Unavailable):
            await backend.nodes.nodes()
        assert called(backend) == {"resource.sched-status": [1, 1]}
        await backend.aclose()


class TestMeasures:
    async def test_jobs_by_state(self, open_backend: Open) -> None:
        backend = await open_backend()
        before = {measure.labels["state"]: measure.value for measure in await backend.measures()}
        record = await backend.jobs.submit(NewJob(command=("true",)))
        await backend.jobs.job(record.id, wait=20)
        told = await backend.measures()
        assert {measure.name for measure in told} == {"opsgate_jobs"}
        after = {measure.labels["state"]: measure.value for measure in told}
        assert after == before | {"INACTIVE": before["INACTIVE"] + 1}
