from typing import Any

import pytest

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.supvisors.port import SupvisorsBackend
from tests.engines.outcomes import failure, until
from tests.engines.supervisord import Supervisord

pytestmark = pytest.mark.anyio

MOVIE = "my_movies:converter_00"
UNKNOWN_APPLICATION = (NotFound, "BAD_NAME: application=x unknown to Supvisors", 10)


@pytest.fixture
def identifier(supervisord: Supervisord) -> str:
    """How Supvisors calls the instance."""
    return f"127.0.0.1:{supervisord.port}"


def without_times(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if not name.endswith(("time", "monotonic"))}


async def states(backend: SupvisorsBackend, namespec: str) -> list[str]:
    return [process["statename"] for process in await backend.supvisors.get_process_info(namespec)]


class TestReadingTheWhole:
    async def test_version(self, backend: SupvisorsBackend) -> None:
        assert await backend.supvisors.get_api_version() == "0.19.1"

    async def test_state(self, backend: SupvisorsBackend, identifier: str) -> None:
        assert without_times(await backend.supvisors.get_supvisors_state()) == {
            "identifier": identifier,
            "nick_identifier": "supv-01",
            "fsm_statecode": 4,
            "fsm_statename": "OPERATION",
            "degraded_mode": False,
            "discovery_mode": False,
            "master_identifier": identifier,
            "starting_jobs": [],
            "stopping_jobs": [],
            "instance_states": {identifier: "RUNNING"},
        }

    async def test_master(self, backend: SupvisorsBackend, identifier: str) -> None:
        expected = {"identifier": identifier, "nick_identifier": "supv-01"}
        assert await backend.supvisors.get_master_identifier() == expected

    async def test_core_identifiers(self, backend: SupvisorsBackend) -> None:
        assert await backend.supvisors.get_core_identifiers() == []

    async def test_strategies(self, backend: SupvisorsBackend) -> None:
        assert await backend.supvisors.get_strategies() == {
            "auto-fencing": False,
            "starting": "CONFIG",
            "conciliation": "USER",
            "supvisors_failure": "CONTINUE",
        }

    async def test_statistics(self, backend: SupvisorsBackend) -> None:
        expected = {"host_stats": True, "process_stats": True, "collecting_period": 5}
        assert await backend.supvisors.get_statistics_status() == expected

    async def test_no_conflicts(self, backend: SupvisorsBackend) -> None:
        assert await backend.supvisors.get_conflicts() == []


class TestInstances:
    @pytest.mark.parametrize("name", ["nick name", "identifier"])
    async def test_by_either_name(self, backend: SupvisorsBackend, identifier: str, name: str) -> None:
        asked = identifier if name == "identifier" else "supv-01"
        own = {"identifier": identifier, "nick_identifier": "supv-01"}
        (state,) = await backend.supvisors.get_instance_state_modes(asked)
        (info,) = await backend.supvisors.get_instance_info(asked)
        (network,) = await backend.supvisors.get_network_info(asked)
        assert own.items() <= state.items()
        assert (state["fsm_statename"], state["starting_jobs"]) == ("OPERATION", False)
        assert own.items() <= info.items()
        assert (info["node_name"], info["statename"]) == ("127.0.0.1", "RUNNING")
        assert own.items() <= network.items()
        assert network["network"]["addresses"]["lo"]["nic_info"] == {
            "nic_name": "lo",
            "ipv4_address": "127.0.0.1",
            "netmask": "255.0.0.0",
        }

    async def test_all(self, backend: SupvisorsBackend, identifier: str) -> None:
        states_modes = await backend.supvisors.get_all_instances_state_modes()
        infos = await backend.supvisors.get_all_instances_info()
        assert [entry["identifier"] for entry in states_modes] == [identifier]
        assert [entry["identifier"] for entry in infos] == [identifier]

    async def test_unknown(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        for read in (
            supvisors.get_instance_state_modes,
            supvisors.get_instance_info,
            supvisors.get_network_info,
            supvisors.get_all_inner_process_info,
        ):
            meaning, message, code = await failure(read("x"))
            assert (meaning, code) == (NotFound, 10)
            assert message.startswith("BAD_NAME: ")


class TestApplicationsRead:
    async def test_one(self, backend: SupvisorsBackend) -> None:
        assert without_times(await backend.supvisors.get_application_info("database")) == {
            "application_name": "database",
            "managed": True,
            "statecode": 2,
            "statename": "RUNNING",
            "major_failure": False,
            "minor_failure": False,
        }

    async def test_all(self, backend: SupvisorsBackend) -> None:
        managed = {
            app["application_name"]: app["managed"] for app in await backend.supvisors.get_all_applications_info()
        }
        assert {name for name, is_managed in managed.items() if is_managed} == {"database", "my_movies"}
        assert managed["player"] is False

    async def test_rules(self, backend: SupvisorsBackend) -> None:
        rules = await backend.supvisors.get_application_rules("database")
        assert (rules["start_sequence"], rules["distribution"]) == (1, "ALL_INSTANCES")
        unmanaged = {"managed": False, "application_name": "player"}
        assert await backend.supvisors.get_application_rules("player") == unmanaged

    async def test_unknown(self, backend: SupvisorsBackend) -> None:
        assert await failure(backend.supvisors.get_application_info("x")) == UNKNOWN_APPLICATION
        assert await failure(backend.supvisors.get_application_rules("x")) == UNKNOWN_APPLICATION


class TestProcessesRead:
    async def test_one_and_group(self, backend: SupvisorsBackend, identifier: str) -> None:
        player = {
            "application_name": "player",
            "process_name": "movie_player",
            "statecode": 20,
            "statename": "RUNNING",
            "expected_exit": True,
            "identifiers": [identifier],
            "extra_args": "",
        }
        for namespec in ("player:movie_player", "player:*", "player:"):
            processes = await backend.supvisors.get_process_info(namespec)
            assert [{name: process[name] for name in player} for process in processes] == [player]

    async def test_all_views_name_the_same(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        shared = {(p["application_name"], p["process_name"]) for p in await supvisors.get_all_process_info()}
        local = {(p["group"], p["name"]) for p in await supvisors.get_all_local_process_info()}
        inner = {(p["group"], p["name"]) for p in await supvisors.get_all_inner_process_info("supv-01")}
        assert ("my_movies", "converter_02") in shared
        assert shared == local == inner

    async def test_local(self, backend: SupvisorsBackend) -> None:
        info = await backend.supvisors.get_local_process_info(MOVIE)
        assert (info["program_name"], info["process_index"], info["disabled"]) == ("converter", 0, False)

    async def test_inner(self, backend: SupvisorsBackend) -> None:
        (info,) = await backend.supvisors.get_inner_process_info("supv-01", MOVIE)
        assert (info["program_name"], info["process_index"]) == ("converter", 0)

    async def test_rules(self, backend: SupvisorsBackend) -> None:
        rules = await backend.supvisors.get_process_rules("my_movies:*")
        assert [(rule["process_name"], rule["expected_loading"]) for rule in rules] == [
            (f"converter_0{number}", 5) for number in range(3)
        ]

    async def test_unknown(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        unknown_process = (NotFound, "BAD_NAME: application=player process=x unknown to Supvisors", 10)
        assert await failure(supvisors.get_process_info("x")) == UNKNOWN_APPLICATION
        assert await failure(supvisors.get_process_rules("x")) == UNKNOWN_APPLICATION
        assert await failure(supvisors.get_inner_process_info("supv-01", "x")) == UNKNOWN_APPLICATION
        assert (await failure(supvisors.get_process_info("player:x")))[2] == unknown_process[2]
        assert (await failure(supvisors.get_local_process_info("x")))[2] == 10
        assert (await failure(supvisors.get_local_process_info("player:*")))[2] == 10


@pytest.mark.usefixtures("movies")
class TestApplications:
    async def test_start_restart_and_stop(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        predictions = await supvisors.test_start_application("LESS_LOADED", "my_movies")
        assert [(p["process_name"], p["state"]) for p in predictions] == [
            (f"converter_0{number}", "RUNNING") for number in range(3)
        ]
        assert await supvisors.start_application("LESS_LOADED", "my_movies") is True
        assert await states(backend, "my_movies:*") == ["RUNNING"] * 3
        again = (Conflict, "ALREADY_STARTED: my_movies", 60)
        assert await failure(supvisors.start_application("CONFIG", "my_movies")) == again
        assert await failure(supvisors.test_start_application("CONFIG", "my_movies")) == again
        assert await supvisors.restart_application("CONFIG", "my_movies") is True
        assert await states(backend, "my_movies:*") == ["RUNNING"] * 3
        assert await supvisors.stop_application("my_movies") is True
        assert await failure(supvisors.stop_application("my_movies")) == (
            Conflict,
            "NOT_RUNNING: failed to stop my_movies",
            70,
        )

    async def test_unknown_or_unmanaged(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        assert await failure(supvisors.start_application("CONFIG", "x")) == UNKNOWN_APPLICATION
        assert await failure(supvisors.test_start_application("CONFIG", "x")) == UNKNOWN_APPLICATION
        assert await failure(supvisors.stop_application("x")) == UNKNOWN_APPLICATION
        assert await failure(supvisors.restart_application("CONFIG", "x")) == UNKNOWN_APPLICATION
        unmanaged = (Conflict, "NOT_MANAGED: player", 102)
        assert await failure(supvisors.start_application("CONFIG", "player")) == unmanaged
        assert await failure(supvisors.test_start_application("CONFIG", "player")) == unmanaged
        assert await failure(supvisors.stop_application("player")) == unmanaged

    @pytest.mark.parametrize("strategy", ["NOPE", "config", "0", ""])
    async def test_unknown_strategy(self, backend: SupvisorsBackend, strategy: str) -> None:
        supvisors = backend.supvisors
        for call in (
            supvisors.start_application(strategy, "my_movies"),
            supvisors.test_start_application(strategy, "my_movies"),
            supvisors.restart_application(strategy, "my_movies"),
            supvisors.start_process(strategy, MOVIE),
            supvisors.test_start_process(strategy, MOVIE),
            supvisors.restart_process(strategy, MOVIE),
            supvisors.start_any_process(strategy, "converter"),
        ):
            meaning, message, code = await failure(call)
            assert (meaning, code) == (Invalid, 2)
            assert message.startswith("INCORRECT_PARAMETERS: ")


@pytest.mark.usefixtures("movies")
class TestProcesses:
    async def test_start_restart_and_stop(self, backend: SupvisorsBackend, identifier: str) -> None:
        supvisors = backend.supvisors
        (prediction,) = await supvisors.test_start_process("LOCAL", MOVIE)
        assert prediction == {
            "application_name": "my_movies",
            "process_name": "converter_00",
            "state": "RUNNING",
            "forced_reason": "",
            "running_identifiers": [identifier],
        }
        assert await supvisors.start_process("LOCAL", MOVIE, '-x "3600"') is True
        (process,) = await supvisors.get_process_info(MOVIE)
        assert (process["statename"], process["extra_args"]) == ("RUNNING", '-x "3600"')
        again = (Conflict, f"ALREADY_STARTED: {MOVIE}", 60)
        assert await failure(supvisors.start_process("LOCAL", MOVIE)) == again
        assert await failure(supvisors.test_start_process("LOCAL", MOVIE)) == again
        assert await supvisors.restart_process("CONFIG", MOVIE) is True
        (process,) = await supvisors.get_process_info(MOVIE)
        assert (process["statename"], process["extra_args"]) == ("RUNNING", "")
        assert await supvisors.stop_process(MOVIE) is True
        assert await failure(supvisors.stop_process(MOVIE)) == (Conflict, f"NOT_RUNNING: {MOVIE} already stopped", 70)

    async def test_any_of_several(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        started = await supvisors.start_any_process("CONFIG", "conv.*_0[12]$", "-x 3600", wait=False)
        assert started in {"my_movies:converter_01", "my_movies:converter_02"}
        none = (Conflict, 'FAILED: no candidate process matching "zzz"', 30)
        assert await failure(supvisors.start_any_process("CONFIG", "zzz")) == none

    async def test_on_this_instance(self, backend: SupvisorsBackend) -> None:
        start = backend.supvisors.start_args
        assert await start(MOVIE, "-x 3600") is True
        assert await failure(start(MOVIE)) == (Conflict, f"ALREADY_STARTED: {MOVIE}", 60)
        assert await failure(start("x")) == UNKNOWN_APPLICATION
        assert (await failure(start("no_file")))[::2] == (NotFound, 20)
        assert (await failure(start("no_program")))[::2] == (Conflict, 21)

    async def test_ends_too_early(self, backend: SupvisorsBackend) -> None:
        message = f"NOT_RUNNING: processes=['{MOVIE}']"
        assert await failure(backend.supvisors.start_process("CONFIG", MOVIE, "-y")) == (Conflict, message, 70)

    async def test_unknown(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        assert await failure(supvisors.start_process("CONFIG", "x")) == UNKNOWN_APPLICATION
        assert await failure(supvisors.test_start_process("CONFIG", "x")) == UNKNOWN_APPLICATION
        assert await failure(supvisors.stop_process("x")) == UNKNOWN_APPLICATION
        assert await failure(supvisors.restart_process("CONFIG", "x")) == UNKNOWN_APPLICATION


@pytest.mark.usefixtures("movies")
class TestPrograms:
    async def test_number_of_processes(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        assert await supvisors.update_numprocs("converter", 5) is True
        assert len(await supvisors.get_process_info("my_movies:*")) == 5
        assert await supvisors.lazy_update_numprocs("converter", 4, wait=False) is True
        assert await supvisors.update_numprocs("converter", 3) is True
        assert len(await supvisors.get_process_info("my_movies:*")) == 3

    async def test_numbers_that_cannot_be(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        for update in (supvisors.update_numprocs, supvisors.lazy_update_numprocs):
            for number in (0, -1, 1001, 50000):
                message = f"INCORRECT_PARAMETERS: incorrect numprocs={number} - integer in 1..1000 expected"
                assert await failure(update("converter", number)) == (Invalid, message, 2)
            assert await failure(update("x", 2)) == (NotFound, "BAD_NAME: program=x unknown to Supvisors", 10)

    async def test_numbers_beyond_the_digits_of_the_names(self, backend: SupvisorsBackend) -> None:
        message = "NOT_APPLICABLE: program=converter numbers its processes with 2 digits - numprocs=101 needs 3"
        assert await failure(backend.supvisors.update_numprocs("converter", 101)) == (Conflict, message, 104)
        assert await backend.supvisors.update_numprocs("converter", 100, wait=False) is True
        assert await backend.supvisors.update_numprocs("converter", 3) is True

    async def test_program_whose_group_was_removed(self, backend: SupvisorsBackend) -> None:
        unknown = (NotFound, "BAD_NAME: program=converter unknown to Supvisors", 10)
        await backend.supervisor.remove_process_group("my_movies")
        try:
            assert await failure(backend.supvisors.update_numprocs("converter", 4)) == unknown
            assert (await failure(backend.supvisors.disable("converter", wait=True)))[0] is NotFound
        finally:
            await backend.supvisors.enable("converter", wait=False)
            await backend.supervisor.add_process_group("my_movies")

    async def test_program_without_numbers_stays_as_it_is(self, backend: SupvisorsBackend) -> None:
        not_numbered = (Conflict, "NOT_APPLICABLE: numprocs not applicable to program=echo", 104)
        for _ in range(2):
            assert await failure(backend.supvisors.update_numprocs("echo", 2)) == not_numbered
            assert await failure(backend.supvisors.lazy_update_numprocs("echo", 3)) == not_numbered
        assert await backend.supvisors.update_numprocs("echo", 1) is True

    async def test_disable_and_enable(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        assert await supvisors.disable("converter") is True
        assert await failure(supvisors.start_args(MOVIE)) == (Conflict, f"DISABLED: {MOVIE}", 103)
        assert await failure(backend.supervisor.start_process(MOVIE)) == (Conflict, f"DISABLED: {MOVIE}", 103)
        assert (await failure(supvisors.start_process("CONFIG", MOVIE)))[::2] == (Conflict, 40)
        assert await supvisors.enable("converter") is True
        assert await backend.supervisor.start_process(MOVIE, wait=False) is True
        for change in (supvisors.disable, supvisors.enable):
            assert await failure(change("x")) == (NotFound, "BAD_NAME: program=x unknown to Supvisors", 10)


class TestSettings:
    @pytest.mark.parametrize("level", ["debug", "info"])
    async def test_log_level(self, backend: SupvisorsBackend, level: str) -> None:
        assert await backend.supvisors.change_log_level(level) is True

    async def test_unknown_log_level(self, backend: SupvisorsBackend) -> None:
        meaning, message, code = await failure(backend.supvisors.change_log_level("loud"))
        assert (meaning, code) == (Invalid, 2)
        assert message.startswith("INCORRECT_PARAMETERS: ")

    async def test_statistics(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        assert await supvisors.disable_host_statistics() is True
        assert await supvisors.disable_process_statistics() is True
        assert await supvisors.update_collecting_period(7.5) is True
        changed = {"host_stats": False, "process_stats": False, "collecting_period": 7.5}
        assert await supvisors.get_statistics_status() == changed
        assert await supvisors.enable_host_statistics() is True
        assert await supvisors.enable_process_statistics() is True
        assert await supvisors.update_collecting_period(5) is True
        restored = {"host_stats": True, "process_stats": True, "collecting_period": 5}
        assert await supvisors.get_statistics_status() == restored

    @pytest.mark.parametrize("period", [0.0, 0.99, -1, 3600.5, float("inf"), float("nan")])
    async def test_periods_that_cannot_be(self, backend: SupvisorsBackend, period: float) -> None:
        message = f"INCORRECT_PARAMETERS: incorrect period={period} - seconds in 1..3600 expected"
        assert await failure(backend.supvisors.update_collecting_period(period)) == (Invalid, message, 2)


class TestSequences:
    async def test_restart_sequence_with_all_running(self, backend: SupvisorsBackend) -> None:
        assert (await failure(backend.supvisors.restart_sequence()))[::2] == (Conflict, 40)

    async def test_restart_sequence(self, backend: SupvisorsBackend) -> None:
        await backend.supervisor.signal_process("database:movie_server", "KILL")
        await until(lambda: states(backend, "database:*"), ["EXITED"])
        assert await backend.supvisors.restart_sequence() is True
        assert await states(backend, "database:*") == ["RUNNING"]

    async def test_only_in_their_states(self, backend: SupvisorsBackend) -> None:
        supvisors = backend.supvisors
        for call, expected in (
            (supvisors.end_sync(), "SYNCHRONIZATION"),
            (supvisors.end_sync_with_master("supv-01"), "SYNCHRONIZATION"),
            (supvisors.conciliate("SENICIDE"), "CONCILIATION"),
        ):
            message = f"BAD_SUPVISORS_STATE: invalid Supvisors state=OPERATION - state expected in ['{expected}']"
            assert await failure(call) == (Conflict, message, 101)
