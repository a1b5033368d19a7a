import re

import pytest

from opsgate.backends.errors import Broken, Invalid, NotFound
from opsgate.backends.supvisors.port import SupvisorsBackend
from tests.engines.outcomes import failure
from tests.engines.supervisord import WRITTEN, Supervisord

pytestmark = pytest.mark.anyio

SIZE = len(WRITTEN.encode())


@pytest.fixture(scope="module", autouse=True)
def written(supervisord: Supervisord) -> None:
    """The daemon has collected what the writer wrote."""
    supervisord.wait(lambda: supervisord.call("supervisor.tailProcessStdoutLog", "writer", 0, 0)[1] == SIZE)
    supervisord.wait(lambda: supervisord.call("supervisor.tailProcessStderrLog", "writer", 0, 0)[1] == 10)


class TestRead:
    async def test_whole_log_with_every_character_as_it_was_written(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.read_process_stdout_log("writer", 0, 0) == WRITTEN

    @pytest.mark.parametrize("offset", range(SIZE + 1))
    async def test_from_any_byte_to_the_end(self, backend: SupvisorsBackend, offset: int) -> None:
        expected = cut(WRITTEN.encode()[offset:])
        assert await backend.supervisor.read_process_stdout_log("writer", offset, 0) == expected

    @pytest.mark.parametrize("length", range(1, SIZE + 1))
    async def test_any_number_of_bytes(self, backend: SupvisorsBackend, length: int) -> None:
        expected = cut(WRITTEN.encode()[:length])
        assert await backend.supervisor.read_process_stdout_log("writer", 0, length) == expected
        expected = cut(WRITTEN.encode()[-length:])
        assert await backend.supervisor.read_process_stdout_log("writer", -length, 0) == expected

    @pytest.mark.parametrize("offset", range(SIZE))
    async def test_short_windows(self, backend: SupvisorsBackend, offset: int) -> None:
        for length in range(1, 8):
            expected = cut(WRITTEN.encode()[offset : offset + length])
            assert await backend.supervisor.read_process_stdout_log("writer", offset, length) == expected

    async def test_beyond_the_end(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.read_process_stdout_log("writer", 5000, 3) == ""

    async def test_no_process_or_no_log(self, backend: SupvisorsBackend) -> None:
        read = backend.supervisor.read_process_stdout_log
        assert await failure(read("x", 0, 0)) == (NotFound, "BAD_NAME: x", 10)
        assert await failure(read("my_movies:*", 0, 0)) == (NotFound, "BAD_NAME: my_movies:*", 10)
        assert await failure(read("once", 0, 0)) == (NotFound, "NO_FILE", 20)

    async def test_wrong_numbers(self, backend: SupvisorsBackend) -> None:
        for offset, length in ((-5, 3), (0, -1), (-5, -1)):
            read = backend.supervisor.read_process_stdout_log("writer", offset, length)
            assert await failure(read) == (Invalid, "BAD_ARGUMENTS", 3)

    async def test_bytes_that_are_not_text(self, backend: SupvisorsBackend, supervisord: Supervisord) -> None:
        read = backend.supervisor.read_process_stderr_log
        assert await read("writer", 0, 3) == "caf"
        assert await read("writer", 4, 0) == " noir\n"
        assert await read("writer", 0, 4) == "caf\ufffd"
        assert await failure(read("writer", 0, 0)) == (
            Broken,
            "supervisor.readProcessStderrLog cannot deliver this part of the log: it holds bytes that are not UTF-8",
            None,
        )
        assert "Traceback" not in supervisord.log


class TestTail:
    @pytest.mark.parametrize("length", range(SIZE + 5))
    async def test_end_of_any_length(self, backend: SupvisorsBackend, length: int) -> None:
        end = cut(WRITTEN.encode()[-length:]) if length else ""
        tail = await backend.supervisor.tail_process_stdout_log("writer", 0, length)
        assert tail == [end, SIZE, length < SIZE]

    async def test_offset_counts_for_the_overflow_only(self, backend: SupvisorsBackend) -> None:
        tail = backend.supervisor.tail_process_stdout_log
        assert await tail("writer", SIZE - 4, 4) == ["[0m\n", SIZE, False]
        assert await tail("writer", SIZE - 5, 4) == ["[0m\n", SIZE, True]
        assert await tail("writer", SIZE + 500, 3) == ["", SIZE, False]

    async def test_stderr(self, backend: SupvisorsBackend) -> None:
        assert await backend.supervisor.tail_process_stderr_log("writer", 0, 6) == [" noir\n", 10, True]
        assert await backend.supervisor.tail_process_stderr_log("writer", 0, 7) == ["\ufffd noir\n", 10, True]
        assert (await failure(backend.supervisor.tail_process_stderr_log("writer", 0, 10)))[0] is Broken

    async def test_no_process_or_no_log(self, backend: SupvisorsBackend) -> None:
        tail = backend.supervisor.tail_process_stdout_log
        assert await failure(tail("x", 0, 5)) == (NotFound, "BAD_NAME: x", 10)
        assert await tail("once", 0, 5) == ["", 0, False]

    @pytest.mark.parametrize("window", [(-1, 5), (0, -1)])
    async def test_negative_numbers(self, backend: SupvisorsBackend, window: tuple[int, int]) -> None:
        offset, length = window
        message = f"BAD_ARGUMENTS: offset={offset} length={length} - integers >= 0 expected"
        assert await failure(backend.supervisor.tail_process_stdout_log("writer", *window)) == (Invalid, message, 3)


def cut(window: bytes) -> str:
    """Decode, with one mark for whatever is cut off at either end."""
    return re.sub("^\ufffd+|\ufffd+$", "\ufffd", window.decode(errors="replace"))
