"""The way to the server: what may go wrong there is told by meaning and in time, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from opsgate.backends.ecflow import commands
from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.client import Client
from opsgate.backends.ecflow.commands import Control
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.port import Action, User
from opsgate.backends.ecflow.transport import Transport
from opsgate.backends.errors import Away, Broken, EngineError, Timeout, TooLarge
from tests.backends.ecflow.test_wire import STC
from tests.engines.ecflow_server import EcflowServer, free_port

pytestmark = pytest.mark.anyio

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PATIENT = Limits(connect=20, answer=20)
QUICK = Limits(connect=20, answer=0.4)


class Fake:
    """A server that answers as it is told, and counts."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._writers: list[asyncio.StreamWriter] = []
        self._more = asyncio.Condition()
        self.connections = 0
        self.port = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await self._server.wait_closed()

    async def reached(self, count: int) -> None:
        """Wait for so many connections."""
        async with self._more:
            await self._more.wait_for(lambda: self.connections >= count)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        async with self._more:
            self.connections += 1
            self._more.notify_all()
        try:
            await self._talk(reader, writer)
        finally:
            writer.close()


def says(data: bytes, *, pause: float = 0.0) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(8)
        for place in range(0, len(data), max(1, len(data) // 4)):
            writer.write(data[place : place + max(1, len(data) // 4)])
            await writer.drain()
            await asyncio.sleep(pause)

    return talk


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


@pytest.fixture
async def opened() -> AsyncIterator[Callable[[Talk], Awaitable[Fake]]]:
    fakes: list[Fake] = []

    async def start(talk: Talk) -> Fake:
        fakes.append(Fake(talk))
        await fakes[-1].start()
        return fakes[-1]

    yield start
    for fake in fakes:
        await fake.stop()


async def ping(port: int, limits: Limits = PATIENT, host: str = "127.0.0.1") -> None:
    client = Client(Transport(Address(host, port), limits), User("tester"), lambda: None)
    try:
        await client.act(commands.control(Control.PING))
    finally:
        await client.aclose()


Open = Callable[[Talk], Awaitable[Fake]]
FRAME = b"%8x" % len(STC) + STC


class TestAnswers:
    @pytest.mark.parametrize("pause", [0.0, 0.02])
    async def test_in_pieces(self, pause: float, opened: Open) -> None:
        await ping((await opened(says(FRAME, pause=pause))).port)

    @pytest.mark.parametrize(
        ("data", "meaning", "message"),
        [
            (b"", Away, "went away"),
            (b"  ", Broken, "broke off its answer after 2 bytes"),
            (FRAME[:60], Broken, "broke off its answer after 60 bytes"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", Broken, "not its protocol"),
            (b"       5hello", Broken, "not JSON"),
            (b"       2{}", Broken, "not its protocol"),
            (b"ffffffff", Broken, "announced an answer of 4294967295 bytes"),
            (b"       0", Broken, "empty frame"),
        ],
    )
    async def test_that_are_wrong(self, data: bytes, meaning: type[EngineError], message: str, opened: Open) -> None:
        fake = await opened(says(data))
        with pytest.raises(meaning, match=message):
            await ping(fake.port)
        assert fake.connections == 1

    async def test_that_never_come(self, opened: Open) -> None:
        async with asyncio.timeout(60):
            with pytest.raises(Timeout, match=r"did not answer ping within 0\.4 s$"):
                await ping((await opened(silent)).port, QUICK)

    async def test_that_never_end(self, opened: Open) -> None:
        with pytest.raises(Timeout):
            await ping((await opened(says(FRAME, pause=0.3))).port, QUICK)

    async def test_reset(self, opened: Open) -> None:
        with pytest.raises(Away, match="went away"):
            await ping((await opened(resets)).port)

    async def test_longer_than_permitted(self, server: EcflowServer) -> None:
        backend = connect(Address("127.0.0.1", server.port), limits=Limits(answer_bytes=100))
        with pytest.raises(Broken, match="the limit is 100"):
            await backend.suites.suites()
        await backend.aclose()


class TestConnecting:
    async def test_to_nobody(self) -> None:
        with pytest.raises(
            Away, match=r"cannot be reached: .*[Rr]efused|cannot be reached: Connect call failed"
        ) as caught:
            await ping(free_port())
        assert caught.value.retry_after == 2

    async def test_to_an_unknown_name(self) -> None:
        with pytest.raises(Away, match="cannot be reached"):
            await ping(3141, host="no-such-host.invalid")

    async def test_to_one_that_takes_no_more(self) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
            waiting = [socket.socket() for _ in range(3)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            try:
                with pytest.raises((Away, Timeout)):
                    await ping(full.getsockname()[1], QUICK)
            finally:
                for one in waiting:
                    one.close()

    async def test_by_name(self, server: EcflowServer) -> None:
        await ping(server.port, host="localhost")  # two addresses, of which the server has one

    def test_to_what_is_no_address(self) -> None:
        for host, port in (("", 1), ("localhost", 0), ("localhost", 65536), ("localhost", -1)):
            with pytest.raises(ValueError, match="ecflow_server"):
                Address(host, port)


class TestWrites:
    async def test_tell_that_the_outcome_is_unknown(self, opened: Open) -> None:
        for talk, limits, meaning in ((silent, QUICK, Timeout), (says(b""), PATIENT, Away)):
            fake = await opened(talk)
            client = Client(Transport(Address("127.0.0.1", fake.port), limits), User("tester"), lambda: None)
            with pytest.raises(meaning, match="whether it took effect is unknown") as caught:
                await client.act(commands.control(Control.HALT))
            assert caught.value.retry_after is None
            assert fake.connections == 1
            await client.aclose()

    async def test_mark_a_change_even_then(self, opened: Open) -> None:
        fake, marks = await opened(silent), []
        client = Client(Transport(Address("127.0.0.1", fake.port), QUICK), User("tester"), lambda: marks.append(1))
        with pytest.raises(Timeout):
            await client.act(commands.control(Control.HALT))
        with pytest.raises(Timeout):
            await client.act(commands.control(Control.PING))
        assert marks == [1]
        await client.aclose()

    async def test_longer_than_permitted(self, server: EcflowServer) -> None:
        backend = connect(Address("127.0.0.1", server.port), limits=Limits(request_bytes=1000))
        with pytest.raises(TooLarge, match="1000 are sent at most"):
            await backend.suites.create_suites("suite x\n" + "task t\n" * 1000 + "endsuite\n")
        await backend.aclose()


class TestLimits:
    async def test_of_calls_at_a_time(self, server: EcflowServer) -> None:
        client = Client(
            Transport(Address("127.0.0.1", server.port), Limits(connections=2)), User("tester"), lambda: None
        )
        await asyncio.gather(*(client.act(commands.control(Control.PING)) for _ in range(40)))
        await client.aclose()

    async def test_a_silent_server_keeps_nobody_else_waiting(self, opened: Open, server: EcflowServer) -> None:
        fake = await opened(silent)
        stuck = [asyncio.create_task(ping(fake.port, Limits(answer=600))) for _ in range(20)]
        await fake.reached(20)
        await ping(server.port)
        assert not any(one.done() for one in stuck)
        for one in stuck:
            one.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


class TestClosing:
    async def test_ends_calls_under_way(self, opened: Open) -> None:
        fake = await opened(silent)
        backend = connect(Address("127.0.0.1", fake.port), user=User("tester"))
        calls = [
            asyncio.create_task(backend.server.ping()),
            asyncio.create_task(backend.suites.suites()),
        ]
        await fake.reached(2)
        await backend.aclose()
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(outcome, Away)

    async def test_ends_calls_to_come(self, server: EcflowServer) -> None:
        backend = connect(Address("127.0.0.1", server.port))
        await backend.suites.suites()
        await backend.aclose()
        for call in (backend.suites.suites(), backend.server.ping(), backend.status.act("/x", Action("suspend"))):
            with pytest.raises(Away, match="was closed"):
                await call

    async def test_a_caller_who_gives_up_meanwhile_has_given_up(self, server: EcflowServer) -> None:
        """The one who asks by the clock is such a caller: told of a failure instead, it would go on for ever."""
        backend = connect(Address("127.0.0.1", server.port))
        call = asyncio.create_task(backend.suites.suites())
        await asyncio.sleep(0)  # it has begun to look, and waits
        call.cancel()
        await backend.aclose()
        assert [type(one) for one in await asyncio.gather(call, return_exceptions=True)] == [asyncio.CancelledError]

    async def test_a_caller_who_gives_up_leaves_the_others_alone(self, server: EcflowServer) -> None:
        backend = connect(Address("127.0.0.1", server.port))
        server.freeze()
        try:
            calls = [asyncio.create_task(backend.suites.suites()) for _ in range(3)]
            await asyncio.sleep(0.05)
            calls[0].cancel()
            await asyncio.sleep(0.05)
        finally:
            server.thaw()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert isinstance(outcomes[0], asyncio.CancelledError)
        assert outcomes[1] is outcomes[2]
        await backend.aclose()
