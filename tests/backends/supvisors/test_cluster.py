"""Three daemons that Supvisors joins."""

from collections.abc import AsyncIterator, Iterator

import pytest

from opsgate.backends.errors import Conflict, Invalid, Unsupported
from opsgate.backends.supvisors.engine import connect
from opsgate.backends.supvisors.port import SupvisorsBackend
from tests.engines.outcomes import failure, until
from tests.engines.supervisord import Supervisord, cluster, running

pytestmark = pytest.mark.anyio

NAMES = ["supv-01", "supv-02", "supv-03"]
MOVIE = "my_movies:converter_00"


@pytest.fixture(scope="module")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Supervisord]]:
    """The three of them, in state OPERATION."""
    three = cluster(tmp_path_factory.mktemp("t"))
    with running(*three):
        yield three


@pytest.fixture
async def backends(daemons: list[Supervisord]) -> AsyncIterator[list[SupvisorsBackend]]:
    """One backend for each."""
    connected = [connect(daemon.url) for daemon in daemons]
    yield connected
    for backend in connected:
        await backend.aclose()


async def state(backend: SupvisorsBackend) -> object:
    return (await backend.supvisors.get_supvisors_state())["fsm_statename"]


class TestInstances:
    async def test_know_each_other(self, backends: list[SupvisorsBackend], daemons: list[Supervisord]) -> None:
        identifiers = [f"127.0.0.1:{daemon.port}" for daemon in daemons]
        for backend in backends:
            infos = await backend.supvisors.get_all_instances_info()
            assert [(info["identifier"], info["nick_identifier"], info["statename"]) for info in infos] == [
                (identifier, name, "RUNNING") for identifier, name in zip(identifiers, NAMES, strict=True)
            ]
            assert (await backend.supvisors.get_master_identifier())["nick_identifier"] == "supv-01"
            assert len(await backend.supvisors.get_all_instances_state_modes()) == 3

    async def test_another_one(self, backends: list[SupvisorsBackend]) -> None:
        (info,) = await backends[0].supvisors.get_instance_info("supv-03")
        assert info["nick_identifier"] == "supv-03"
        (network,) = await backends[0].supvisors.get_network_info("supv-03")
        assert (network["host_id"], network["network"]["addresses"].keys()) == ("127.0.0.1", {"lo"})
        processes = await backends[0].supvisors.get_all_inner_process_info("supv-03")
        assert {process["program_name"] for process in processes} >= {"converter", "echo"}


class TestDistribution:
    async def test_less_loaded(self, backends: list[SupvisorsBackend]) -> None:
        supvisors = backends[1].supvisors
        try:
            assert await supvisors.start_application("LESS_LOADED", "my_movies") is True
            places = [process["identifiers"] for process in await supvisors.get_process_info("my_movies:*")]
            assert [len(place) for place in places] == [1, 1, 1]
            assert len({place[0] for place in places}) == 3
        finally:
            await supvisors.stop_application("my_movies")

    async def test_prediction(self, backends: list[SupvisorsBackend], daemons: list[Supervisord]) -> None:
        (prediction,) = await backends[2].supvisors.test_start_process("LOCAL", MOVIE)
        assert prediction["running_identifiers"] == [f"127.0.0.1:{daemons[2].port}"]


class TestConciliation:
    async def test_of_a_process_that_runs_twice(
        self, backends: list[SupvisorsBackend], daemons: list[Supervisord]
    ) -> None:
        supvisors = backends[0].supvisors
        for backend in backends[:2]:
            assert await backend.supervisor.start_process(MOVIE) is True
        await until(lambda: state(backends[0]), "CONCILIATION")
        (conflict,) = await supvisors.get_conflicts()
        assert (conflict["application_name"], conflict["process_name"]) == ("my_movies", "converter_00")
        assert sorted(conflict["identifiers"]) == sorted(f"127.0.0.1:{daemon.port}" for daemon in daemons[:2])
        assert (await backends[0].ready())["supvisors"] == {"version": "0.19.1", "state": "CONCILIATION"}
        message = "BAD_SUPVISORS_STATE: invalid Supvisors state=CONCILIATION - state expected in ['OPERATION']"
        assert await failure(supvisors.start_process("CONFIG", "player:*")) == (Conflict, message, 101)
        assert (await failure(supvisors.conciliate("NOPE")))[::2] == (Invalid, 2)
        assert await supvisors.conciliate("USER") is False
        assert await supvisors.conciliate("INFANTICIDE") is True
        await until(lambda: state(backends[0]), "OPERATION")
        assert await supvisors.get_conflicts() == []
        assert await supvisors.stop_process(MOVIE) is True


class TestWithoutPsutil:
    async def test_no_statistics(self, backends: list[SupvisorsBackend]) -> None:
        supvisors = backends[0].supvisors
        for call in (
            supvisors.enable_host_statistics(),
            supvisors.disable_host_statistics(),
            supvisors.enable_process_statistics(),
            supvisors.disable_process_statistics(),
            supvisors.update_collecting_period(7),
        ):
            assert await failure(call) == (Unsupported, "NOT_INSTALLED: psutil not installed", 105)
