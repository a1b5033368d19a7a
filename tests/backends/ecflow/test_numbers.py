"""What is counted of a server, for /metrics."""

import pytest

from opsgate.backends.calls import Calling
from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.port import Action, EcflowBackend
from opsgate.backends.errors import Away
from opsgate.backends.measures import Measured
from tests.engines.ecflow_server import EcflowServer, free_port

pytestmark = pytest.mark.anyio


def called(backend: EcflowBackend) -> dict[str, list[float]]:
    """Calls and failures by command."""
    assert isinstance(backend, Calling)
    [calls] = backend.calls
    assert calls.engine == "ecflow_server"
    return {name: tally[:2] for name, tally in calls.tallies.items()}


class TestCalls:
    async def test_reads_and_changes(self, backend: EcflowBackend, suite: str) -> None:
        await backend.ready()
        await backend.status.act(f"/{suite}", Action("suspend"))
        assert {name: called(backend)[name] for name in ("stats", "suspend")} == {
            "stats": [1, 0],
            "suspend": [1, 0],
        }

    async def test_a_server_that_is_away(self) -> None:
        backend = connect(Address("127.0.0.1", free_port()))
        with pytest.raises(Away):
            await backend.ready()
        assert called(backend) == {"stats": [1, 1]}
        await backend.aclose()


@pytest.mark.usefixtures("suite")
class TestMeasures:
    async def test_suites_by_state(self, server: EcflowServer, backend: EcflowBackend) -> None:
        assert isinstance(backend, Measured)
        before = {measure.labels["state"]: measure.value for measure in await backend.measures()}
        server.load("suite aborted\n  task t\nendsuite\n")
        await backend.status.act("/aborted/t", Action("aborted"))
        told = await backend.measures()
        server.delete("/aborted")
        assert {measure.name for measure in told} == {"opsgate_ecflow_suites"}
        after = {measure.labels["state"]: measure.value for measure in told}
        assert after == before | {"aborted": before["aborted"] + 1}
