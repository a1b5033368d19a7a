"""Wrong input is told as such, and leaves the daemon as it was."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.supvisors.port import SupvisorsBackend
from tests.engines.outcomes import failure
from tests.engines.supervisord import Supervisord

pytestmark = pytest.mark.anyio

Call = Callable[[SupvisorsBackend, str], Awaitable[object]]

TAKE_TEXT: dict[str, Call] = {
    "methodHelp": lambda b, text: b.system.method_help(text),
    "methodSignature": lambda b, text: b.system.method_signature(text),
    "addProcessGroup": lambda b, text: b.supervisor.add_process_group(text),
    "removeProcessGroup": lambda b, text: b.supervisor.remove_process_group(text),
    "startProcess": lambda b, text: b.supervisor.start_process(text),
    "stopProcess": lambda b, text: b.supervisor.stop_process(text, wait=False),
    "startProcessGroup": lambda b, text: b.supervisor.start_process_group(text),
    "stopProcessGroup": lambda b, text: b.supervisor.stop_process_group(text),
    "signalProcess": lambda b, text: b.supervisor.signal_process(text, "CONT"),
    "signalProcessGroup": lambda b, text: b.supervisor.signal_process_group(text, "CONT"),
    "getProcessInfo": lambda b, text: b.supervisor.get_process_info(text),
    "readProcessStdoutLog": lambda b, text: b.supervisor.read_process_stdout_log(text, 0, 0),
    "tailProcessStderrLog": lambda b, text: b.supervisor.tail_process_stderr_log(text, 0, 0),
    "clearProcessLogs": lambda b, text: b.supervisor.clear_process_logs(text),
    "sendProcessStdin": lambda b, text: b.supervisor.send_process_stdin(text, "a"),
    "instance_info": lambda b, text: b.supvisors.get_instance_info(text),
    "application_info": lambda b, text: b.supvisors.get_application_info(text),
    "process_info": lambda b, text: b.supvisors.get_process_info(text),
    "inner_process_info": lambda b, text: b.supvisors.get_inner_process_info(text, text),
    "start_application": lambda b, text: b.supvisors.start_application("CONFIG", text),
    "start_args": lambda b, text: b.supvisors.start_args(text),
    "start_process": lambda b, text: b.supvisors.start_process("CONFIG", text),
    "stop_process": lambda b, text: b.supvisors.stop_process(text),
    "update_numprocs": lambda b, text: b.supvisors.update_numprocs(text, 2),
    "disable": lambda b, text: b.supvisors.disable(text),
}


@pytest.fixture(autouse=True)
async def unharmed(backend: SupvisorsBackend, supervisord: Supervisord) -> AsyncIterator[None]:
    """The daemon reports no crash, and its processes are as they were."""
    before = await snapshot(backend)
    crashes = supervisord.log.count("Traceback")
    yield
    assert await snapshot(backend) == before
    assert supervisord.log.count("Traceback") == crashes


async def snapshot(backend: SupvisorsBackend) -> list[object]:
    return [
        (process["group"], process["name"], process["statename"], process["pid"], process["extra_args"])
        for process in await backend.supvisors.get_all_local_process_info()
    ]


@pytest.mark.parametrize("name", TAKE_TEXT)
class TestText:
    @pytest.mark.parametrize("text", ["\0", "a\x1bb", "\ud800", "\uffff"])
    async def test_that_xml_cannot_carry(self, backend: SupvisorsBackend, name: str, text: str) -> None:
        meaning, message, _ = await failure(TAKE_TEXT[name](backend, text))
        assert meaning is Invalid
        assert message.endswith("which XML-RPC cannot carry")

    @pytest.mark.parametrize(
        "text", ["", " ", "\ufffd", "\U0001f600", "a b", ":", "a:b:c", "\r\n", "<x>&amp;", "x" * 6000, "../../etc"]
    )
    async def test_that_names_nothing(self, backend: SupvisorsBackend, name: str, text: str) -> None:
        meaning, _, code = await failure(TAKE_TEXT[name](backend, text))
        if name == "start_args" and text == ":":
            assert (meaning, code) == (Invalid, 2)
        else:
            assert (meaning, code) == (NotFound, 4 if name.startswith("method") else 10)


class TestEvents:
    @pytest.mark.parametrize("text", ["\0", "\x1b", "\ud800", "\uffff"])
    async def test_that_xml_cannot_carry(self, backend: SupvisorsBackend, text: str) -> None:
        supervisor = backend.supervisor
        assert (await failure(supervisor.send_process_stdin("echo", text)))[0] is Invalid
        assert (await failure(supervisor.send_remote_comm_event(text, "data")))[0] is Invalid
        assert (await failure(supervisor.send_remote_comm_event("type", text)))[0] is Invalid
        assert (await failure(supervisor.signal_all_processes(text)))[0] is Invalid


class TestNumbers:
    @pytest.mark.parametrize("number", [2**31, 2**32, -(2**31) - 1, 10**100])
    async def test_beyond_32_bits(self, backend: SupvisorsBackend, number: int) -> None:
        supervisor = backend.supervisor
        assert (await failure(supervisor.read_log(number, 0)))[0] is Invalid
        assert (await failure(supervisor.read_log(0, number)))[0] is Invalid
        assert (await failure(supervisor.read_process_stdout_log("writer", number, 0)))[0] is Invalid
        assert (await failure(supervisor.tail_process_stdout_log("writer", 0, number)))[0] is Invalid
        assert (await failure(backend.supvisors.update_numprocs("converter", number)))[0] is Invalid


class TestExtraArgs:
    @pytest.mark.parametrize("text", ['"', "it's", "-x 'a", "ends with \\"])
    async def test_that_no_shell_could_split(self, backend: SupvisorsBackend, text: str) -> None:
        supvisors = backend.supvisors
        for call in (
            supvisors.start_args("player:movie_player", text),
            supvisors.start_process("CONFIG", "my_movies:converter_00", text),
            supvisors.restart_process("CONFIG", "player:movie_player", text),
            supvisors.start_any_process("CONFIG", "converter", text),
        ):
            meaning, message, code = await failure(call)
            assert (meaning, code) == (Invalid, 2)
            assert message.startswith(f"INCORRECT_PARAMETERS: extra_args={text!r}: ")


class TestNamespecs:
    @pytest.mark.parametrize("namespec", ["my_movies:*", "my_movies:"])
    async def test_of_groups_where_one_process_is_wanted(self, backend: SupvisorsBackend, namespec: str) -> None:
        message = f"INCORRECT_PARAMETERS: namespec={namespec} names all processes of my_movies: one process expected"
        assert await failure(backend.supvisors.start_args(namespec)) == (Invalid, message, 2)
        for call in (
            backend.supervisor.get_process_info(namespec),
            backend.supervisor.read_process_stderr_log(namespec, 0, 0),
            backend.supervisor.tail_process_stdout_log(namespec, 0, 0),
            backend.supervisor.clear_process_logs(namespec),
            backend.supervisor.send_process_stdin(namespec, "a"),
            backend.supvisors.get_local_process_info(namespec),
        ):
            assert (await failure(call))[::2] == (NotFound, 10)


class TestRegularExpressions:
    @pytest.mark.parametrize("regex", ["[", "*", "(", "a{2,1}", "(?P<n>", "\\"])
    async def test_invalid(self, backend: SupvisorsBackend, regex: str) -> None:
        meaning, message, code = await failure(backend.supvisors.start_any_process("CONFIG", regex))
        assert (meaning, code) == (Invalid, 2)
        assert message.startswith(f"INCORRECT_PARAMETERS: regex={regex!r}: ")

    async def test_too_long(self, backend: SupvisorsBackend) -> None:
        message = "INCORRECT_PARAMETERS: a regex of 257 characters is too long - at most 256 expected"
        assert await failure(backend.supvisors.start_any_process("CONFIG", "a" * 257)) == (Invalid, message, 2)
        assert (await failure(backend.supvisors.start_any_process("CONFIG", "a" * 256)))[::2] == (Conflict, 30)

    async def test_one_that_would_keep_the_daemon_busy_for_ever(self, backend: SupvisorsBackend) -> None:
        meaning, message, _ = await failure(backend.supvisors.start_any_process("CONFIG", "(.+)+(.+)+(.+)+(.+)+X" * 2))
        assert meaning is Invalid
        assert message.endswith("takes too long to match the names of the processes")
