import asyncio
import os
from operator import itemgetter

import pytest

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.supvisors.port import SupvisorsBackend
from tests.engines.outcomes import failure, until
from tests.engines.supervisord import Supervisord

pytestmark = pytest.mark.anyio

TAIL = "supervisor.tailProcessStdoutLog"
OK = {"status": 80, "description": "OK"}


def movie(number: int) -> dict[str, object]:
    return {"name": f"converter_0{number}", "group": "my_movies", **OK}


async def state_of(backend: SupvisorsBackend, namespec: str) -> str:
    return str((await backend.supervisor.get_process_info(namespec))["statename"])


class TestDaemon:
    async def test_versions(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.get_api_version() == "3.0"
        assert await backend.supervisor.get_supervisor_version() == "4.3.0"

    async def test_identification(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.get_identification() == "supv-01"

    async def test_state(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.get_state() == {"statecode": 1, "statename": "RUNNING"}

    async def test_pid(self, backend: SupvisorsBackend, supervisord: Supervisord) -> None:
        assert await backend.supervisor.get_pid() == supervisord.pid


class TestReadLog:
    async def test_beginning(self, backend: SupvisorsBackend, supervisord: Supervisord) -> None:
        assert await backend.supervisor.read_log(0, 50) == supervisord.log[:50]

    async def test_end(self, backend: SupvisorsBackend, supervisord: Supervisord) -> None:
        end = await backend.supervisor.read_log(-20, 0)
        assert len(end) == 20
        assert end in supervisord.log

    async def test_beyond_the_end(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.read_log(2**31 - 1, 10) == ""

    async def test_negative_offset_with_length(self, backend: SupvisorsBackend) -> None:
        assert await failure(backend.supervisor.read_log(-20, 5)) == (Invalid, "BAD_ARGUMENTS", 3)


class TestClearLog:
    async def test_only_the_reopening_is_left(self, plain_backend: SupvisorsBackend, plain: Supervisord) -> None:
        assert "supervisord started" in plain.log
        assert await plain_backend.supervisor.clear_log() is True
        assert "supervisord started" not in plain.log

    async def test_no_log(self, plain_backend: SupvisorsBackend, plain: Supervisord) -> None:
        log = plain.directory / "supervisord.log"
        log.unlink()
        assert await failure(plain_backend.supervisor.clear_log()) == (NotFound, "NO_FILE", 20)
        assert await failure(plain_backend.supervisor.read_log(0, 0)) == (NotFound, f"NO_FILE: {log}", 20)
        log.touch()
        assert await plain_backend.supervisor.clear_log() is True


class TestGroups:
    async def test_come_and_go(self, backend: SupvisorsBackend, supervisord: Supervisord) -> None:
        supervisor = backend.supervisor
        supervisord.more_programs.write_text("[program:guest]\ncommand=/bin/sleep 3600\nstartsecs=0\n")
        assert await supervisor.reload_config() == [[["guest"], [], []]]
        assert await supervisor.add_process_group("guest") is True
        assert await failure(supervisor.add_process_group("guest")) == (Conflict, "ALREADY_ADDED: guest", 90)
        assert await failure(supervisor.remove_process_group("guest")) == (Conflict, "STILL_RUNNING: guest", 91)
        assert await supervisor.stop_process("guest") is True
        assert await supervisor.remove_process_group("guest") is True
        supervisord.more_programs.unlink()
        assert await supervisor.reload_config() == [[[], [], []]]

    async def test_unknown_names(self, backend: SupvisorsBackend) -> None:
        assert await failure(backend.supervisor.add_process_group("x")) == (NotFound, "BAD_NAME: x", 10)
        assert await failure(backend.supervisor.remove_process_group("x")) == (NotFound, "BAD_NAME: x", 10)


@pytest.mark.usefixtures("movies")
class TestStartAndStopProcess:
    async def test_waiting_until_it_has_come_about(self, backend: SupvisorsBackend) -> None:
        namespec = "my_movies:converter_00"
        assert await backend.supervisor.start_process(namespec) is True
        assert await state_of(backend, namespec) == "RUNNING"
        assert await failure(backend.supervisor.start_process(namespec)) == (
            Conflict,
            "ALREADY_STARTED: my_movies:converter_00",
            60,
        )
        assert await backend.supervisor.stop_process(namespec) is True
        assert await state_of(backend, namespec) == "STOPPED"
        assert await failure(backend.supervisor.stop_process(namespec)) == (
            Conflict,
            "NOT_RUNNING: my_movies:converter_00",
            70,
        )

    async def test_without_waiting(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.start_process("my_movies:converter_01", wait=False) is True
        assert await state_of(backend, "my_movies:converter_01") == "STARTING"

    async def test_all_of_a_group(self, backend: SupvisorsBackend) -> None:
        everyone = [movie(0), movie(1), movie(2)]
        assert await backend.supervisor.start_process("my_movies:*", wait=False) == everyone
        assert await backend.supervisor.start_process("my_movies:*", wait=False) == []
        stopped = await backend.supervisor.stop_process("my_movies:")
        assert isinstance(stopped, list)
        assert sorted(stopped, key=itemgetter("name")) == everyone

    async def test_group_by_its_name(self, backend: SupvisorsBackend) -> None:
        everyone = [movie(0), movie(1), movie(2)]
        assert await backend.supervisor.start_process_group("my_movies") == everyone
        assert await backend.supervisor.stop_process_group("my_movies", wait=False) == everyone
        assert await failure(backend.supervisor.start_process_group("x")) == (NotFound, "BAD_NAME: x", 10)
        assert await failure(backend.supervisor.stop_process_group("x")) == (NotFound, "BAD_NAME: x", 10)

    async def test_what_cannot_run(self, backend: SupvisorsBackend) -> None:
        start = backend.supervisor.start_process
        assert await failure(start("x")) == (NotFound, "BAD_NAME: x", 10)
        assert await failure(start("no_file")) == (NotFound, "NO_FILE: can't find command '/nonexistent/program'", 20)
        meaning, message, code = await failure(start("no_program"))
        assert (meaning, code) == (Conflict, 21)
        assert message.startswith("NOT_EXECUTABLE: command at '")
        assert await failure(start("crasher")) == (Conflict, "SPAWN_ERROR: crasher", 50)

    async def test_stopped_while_it_starts(self, backend: SupvisorsBackend) -> None:
        namespec = "my_movies:converter_02"
        start = asyncio.ensure_future(failure(backend.supervisor.start_process(namespec)))
        await until(lambda: state_of(backend, namespec), "STARTING")
        assert await backend.supervisor.stop_process(namespec, wait=False) is True
        assert await start == (Conflict, f"ABNORMAL_TERMINATION: {namespec}", 40)

    async def test_ends_at_once_without_failure(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.start_process("once") is True


class TestAllProcesses:
    async def test_start_and_stop(self, plain_backend: SupvisorsBackend) -> None:
        everyone = [{"name": f"sleeper_{number}", "group": "sleeper", **OK} for number in range(2)]
        assert await plain_backend.supervisor.start_all_processes() == everyone
        assert await plain_backend.supervisor.start_all_processes() == []
        assert await plain_backend.supervisor.signal_all_processes("CONT") == everyone
        assert await plain_backend.supervisor.stop_all_processes(wait=False) == everyone
        assert await plain_backend.supervisor.stop_all_processes() == []

    async def test_clear_all_logs(self, plain_backend: SupvisorsBackend) -> None:
        everyone = [{"name": f"sleeper_{number}", "group": "sleeper", **OK} for number in range(2)]
        assert await plain_backend.supervisor.clear_all_process_logs() == everyone


class TestSignals:
    @pytest.mark.parametrize("signal", ["CONT", "SIGCONT", "cont", "18", "0"])
    async def test_spellings(self, backend: SupvisorsBackend, signal: str) -> None:
        assert await backend.supervisor.signal_process("player:movie_player", signal) is True

    async def test_group(self, backend: SupvisorsBackend) -> None:
        player = {"name": "movie_player", "group": "player"}
        assert await backend.supervisor.signal_process("player:*", "CONT") == [{**player, **OK}]
        assert await backend.supervisor.signal_process_group("player", "CONT") == [{**player, **OK}]
        bad = {**player, "status": 11, "description": "BAD_SIGNAL: FOO"}
        assert await backend.supervisor.signal_process_group("player", "FOO") == [bad]
        assert await failure(backend.supervisor.signal_process_group("x", "CONT")) == (NotFound, "BAD_NAME: x", 10)

    async def test_failures(self, backend: SupvisorsBackend) -> None:
        signal = backend.supervisor.signal_process
        assert await failure(signal("player:movie_player", "FOO")) == (Invalid, "BAD_SIGNAL: FOO", 11)
        assert await failure(signal("x", "CONT")) == (NotFound, "BAD_NAME: x", 10)
        assert await failure(signal("no_file", "CONT")) == (Conflict, "NOT_RUNNING: no_file", 70)


class TestProcessInfo:
    async def test_one(self, backend: SupvisorsBackend, supervisord: Supervisord) -> None:
        info = await backend.supervisor.get_process_info("player:movie_player")
        assert info == supervisord.call("supervisor.getProcessInfo", "player:movie_player") | {
            key: info[key] for key in ("now", "description")
        }
        assert info["statename"] == "RUNNING"
        os.kill(info["pid"], 0)  # there is such a process

    async def test_all_sorted(self, backend: SupvisorsBackend) -> None:
        names = [(info["group"], info["name"]) for info in await backend.supervisor.get_all_process_info()]
        assert names == sorted(names)
        assert ("my_movies", "converter_00") in names

    @pytest.mark.parametrize("namespec", ["x", "player:*", "player:", "player:x", "a:b:c", "\U0001f600", "x" * 6000])
    async def test_not_a_process(self, backend: SupvisorsBackend, namespec: str) -> None:
        assert await failure(backend.supervisor.get_process_info(namespec)) == (NotFound, f"BAD_NAME: {namespec}", 10)

    async def test_configuration(self, backend: SupvisorsBackend, supervisord: Supervisord) -> None:
        assert await backend.supervisor.get_all_config_info() == supervisord.call("supervisor.getAllConfigInfo")


class TestClearProcessLogs:
    async def test_both_are_empty(self, backend: SupvisorsBackend) -> None:
        await backend.supervisor.send_process_stdin("echo", "something\n")
        assert await backend.supervisor.clear_process_logs("echo") is True

    async def test_not_a_process(self, backend: SupvisorsBackend) -> None:
        assert await failure(backend.supervisor.clear_process_logs("x")) == (NotFound, "BAD_NAME: x", 10)
        assert await failure(backend.supervisor.clear_process_logs("echo:*")) == (NotFound, "BAD_NAME: echo:*", 10)


class TestSendProcessStdin:
    async def test_arrives_as_it_is(self, backend: SupvisorsBackend, supervisord: Supervisord) -> None:
        supervisor = backend.supervisor
        await supervisor.clear_process_logs("echo")
        text = "h\u00e9llo <&> \U0001f600\r\n\tno newline at the end"
        assert await supervisor.send_process_stdin("echo", text) is True
        supervisord.wait(lambda: supervisord.call(TAIL, "echo", 0, 0)[1] == len(text.encode()))
        assert await supervisor.read_process_stdout_log("echo", 0, 0) == text

    async def test_failures(self, backend: SupvisorsBackend) -> None:
        send = backend.supervisor.send_process_stdin
        assert await failure(send("x", "a")) == (NotFound, "BAD_NAME: x", 10)
        assert await failure(send("echo:*", "a")) == (NotFound, "BAD_NAME: echo:*", 10)
        assert await failure(send("no_file", "a")) == (Conflict, "NOT_RUNNING: no_file", 70)
        assert await failure(send("deaf", "a")) == (NotFound, "NO_FILE: deaf", 20)


class TestSendRemoteCommEvent:
    async def test_any_type_and_data(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.send_remote_comm_event("a type", "h\u00e9llo\r\n<data>") is True

    @pytest.mark.parametrize("event_type", ["SupvisorsPublication", "SupvisorsNotification"])
    async def test_not_those_of_supvisors(self, backend: SupvisorsBackend, event_type: str) -> None:
        message = f"INCORRECT_PARAMETERS: type={event_type} is kept for Supvisors' own messages"
        assert await failure(backend.supervisor.send_remote_comm_event(event_type, "{}")) == (Invalid, message, 2)


class TestShutdownAndRestart:
    async def test_restart(self, plain_backend: SupvisorsBackend, plain: Supervisord) -> None:
        before = plain.log.count("supervisord started")
        assert await plain_backend.supervisor.restart() is True
        plain.wait(lambda: plain.log.count("supervisord started") > before)
        plain.wait(lambda: plain.call("supervisor.getState")["statename"] == "RUNNING")

    async def test_shutdown(self, plain_backend: SupvisorsBackend, plain: Supervisord) -> None:
        assert await plain_backend.supervisor.shutdown() is True
        plain.wait_for_end()
        plain.start()
