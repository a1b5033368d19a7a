"""What is counted of a daemon, for /metrics."""

import pytest

from opsgate.backends.calls import Calling
from opsgate.backends.errors import NotFound, Unavailable
from opsgate.backends.measures import Measured
from opsgate.backends.supvisors.engine import connect
from opsgate.backends.supvisors.port import SupvisorsBackend

pytestmark = pytest.mark.anyio


def called(backend: SupvisorsBackend) -> dict[str, list[float]]:
    """Calls and failures by method."""
    assert isinstance(backend, Calling)
    [calls] = backend.calls
    assert calls.engine == "supervisord"
    return {name: tally[:2] for name, tally in calls.tallies.items()}


class TestCalls:
    async def test_reads_and_changes(self, plain_backend: SupvisorsBackend) -> None:
        await plain_backend.supervisor.get_pid()
        await plain_backend.supervisor.clear_log()
        await plain_backend.supervisor.start_process("sleeper:sleeper_0", wait=True)
        with pytest.raises(NotFound):
            await plain_backend.supervisor.stop_process("none")
        assert called(plain_backend) == {
            "supervisor.getPID": [1, 0],
            "supervisor.clearLog": [1, 0],
            "supervisor.startProcess": [1, 0],
            "supervisor.stopProcess": [1, 0],
        }

    async def test_a_daemon_that_is_away(self) -> None:
        backend = connect("unix:///nowhere/supervisor.sock")
        for attempt in (backend.supervisor.get_pid, backend.supervisor.shutdown):
            with pytest.raises(Unavailable):
                await attempt()
        assert called(backend) == {"supervisor.getPID": [1, 1], "supervisor.shutdown": [1, 1]}
        await backend.aclose()


class TestMeasures:
    async def test_processes_by_state(self, plain_backend: SupvisorsBackend) -> None:
        assert isinstance(plain_backend, Measured)
        told = await plain_backend.measures()
        assert {measure.name for measure in told} == {"opsgate_supvisors_processes"}
        found = {measure.labels["state"]: measure.value for measure in told}
        states = [process["statename"] for process in await plain_backend.supervisor.get_all_process_info()]
        assert sum(found.values()) == len(states)
        assert {state: number for state, number in found.items() if number} == {s: states.count(s) for s in states}
