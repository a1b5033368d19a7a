"""The transport against a server that misbehaves; the real daemon is in the other files."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from opsgate.backends.errors import Broken, EngineError, Invalid, Timeout, Unavailable
from opsgate.backends.supvisors.address import parse
from opsgate.backends.supvisors.limits import Limits
from opsgate.backends.supvisors.transport import Transport
from tests.engines.scripted import Peer, Script, Scripted, scripted
from tests.engines.supervisord import free_port

pytestmark = pytest.mark.anyio

BODY = b"<call/>"
ANSWER = b"<answer/>"
UNKNOWN = ": whether it took effect is unknown"
CALLS = ["read", "act", "wait"]


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both event loops: they differ in how connections and processes end."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


def http(body: bytes = ANSWER, status: str = "200 OK", header: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{header}\r\n".encode() + body


@asynccontextmanager
async def served(script: Script, limits: Limits | None = None) -> AsyncIterator[tuple[Transport, Scripted]]:
    """A transport, and the scripted server that it talks to."""
    async with scripted(script) as server:
        transport = Transport(parse(server.url), limits or Limits())
        yield transport, server
        await transport.aclose()


def call(transport: Transport, kind: str) -> Awaitable[bytes]:
    answer: Awaitable[bytes] = getattr(transport, kind)("a.b", BODY)
    return answer


async def failed(transport: Transport, kind: str) -> tuple[type[EngineError], str, int | None]:
    """Meaning and message of the failure, and after how long to try again."""
    with pytest.raises(EngineError) as caught:
        await call(transport, kind)
    return type(caught.value), caught.value.message, caught.value.retry_after


async def answer_all(peer: Peer) -> None:
    while b"Connection: close" not in await peer.request():
        await peer.send(http())
    await peer.send(http())


async def answer_once_and_close(peer: Peer) -> None:
    await peer.request()
    await peer.send(http())
    peer.close()


async def keep_silent(peer: Peer) -> None:
    await peer.request()
    await peer.closed()


class TestConnections:
    async def test_reads_share_one(self) -> None:
        async with served(answer_all) as (transport, server):
            assert [await call(transport, "read") for _ in range(5)] == [ANSWER] * 5
            assert server.connections == 1

    @pytest.mark.parametrize("kind", ["act", "wait"])
    async def test_what_changes_something_has_its_own(self, kind: str) -> None:
        requests: list[bytes] = []

        async def script(peer: Peer) -> None:
            requests.append(await peer.request())
            await peer.send(http())

        async with served(script) as (transport, server):
            assert [await call(transport, kind) for _ in range(3)] == [ANSWER] * 3
            assert server.connections == 3
            host = server.url.removeprefix("http://")
        request = (
            f"POST /RPC2 HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml\r\n"
            "Connection: close\r\nContent-Length: 7\r\n\r\n<call/>"
        )
        assert requests == [request.encode()] * 3

    async def test_credentials_are_sent(self) -> None:
        async def script(peer: Peer) -> None:
            assert b"\r\nAuthorization: Basic am86c2VjcmV0\r\n" in await peer.request()
            await peer.send(http())

        async with scripted(script) as server:
            transport = Transport(parse(server.url, "jo", "secret"), Limits())
            assert [await call(transport, kind) for kind in CALLS] == [ANSWER] * 3
            await transport.aclose()

    async def test_no_more_than_allowed(self) -> None:
        busy = 0
        most: list[int] = []

        async def script(peer: Peer) -> None:
            nonlocal busy
            request = b""
            while b"Connection: close" not in request:
                request = await peer.request()
                busy += 1
                most.append(busy)
                await asyncio.sleep(0.01)
                busy -= 1
                await peer.send(http())

        async with served(script, Limits(connections=2)) as (transport, server):
            answers = await asyncio.gather(*(call(transport, kind) for kind in ["read", "act"] * 10))
            assert answers == [ANSWER] * 20
            assert max(most) == 2
            assert server.connections <= 12

    async def test_closed_when_the_answer_says_so(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(http(header="Connection: close\r\n"))
            await peer.closed()

        async with served(script) as (transport, server):
            assert [await call(transport, "read") for _ in range(2)] == [ANSWER] * 2
            assert server.connections == 2

    async def test_closed_when_more_comes_than_was_asked(self) -> None:
        sent = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(http())
            await asyncio.sleep(0.05)
            await peer.send(http(b"<unasked/>"))
            sent.set()
            await peer.closed()

        async with served(script) as (transport, server):
            assert await call(transport, "read") == ANSWER
            await sent.wait()
            await asyncio.sleep(0.05)
            assert await call(transport, "read") == ANSWER
            assert server.connections == 2


class TestStaleConnections:
    async def test_closed_while_idle(self) -> None:
        async with served(answer_once_and_close) as (transport, server):
            for _ in range(3):
                assert await call(transport, "read") == ANSWER
            assert server.connections == 3

    async def test_closed_when_used_again(self) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(http())
            await peer.request()
            peer.reset()

        async with served(script) as (transport, server):
            assert await call(transport, "read") == ANSWER
            assert await call(transport, "read") == ANSWER
            assert server.connections == 2

    async def test_sent_once_more_at_most(self) -> None:
        requests = 0

        async def script(peer: Peer) -> None:
            nonlocal requests
            await peer.request()
            if peer.number == 1:
                await peer.send(http())
                await peer.request()
            requests += 1
            peer.reset()

        async with served(script) as (transport, server):
            assert await call(transport, "read") == ANSWER
            assert await failed(transport, "read") == (
                Unavailable,
                f"supervisord at {server.url} went away during a.b",
                2,
            )
            assert requests == 2


class TestLostAnswers:
    @pytest.mark.parametrize("kind", ["act", "wait"])
    @pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\nCont", http()[:-1]])
    async def test_of_what_changes_something(self, kind: str, part: bytes) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(part)
            peer.close()

        async with served(script) as (transport, server):
            message = f"supervisord at {server.url} went away during a.b{UNKNOWN}"
            assert await failed(transport, kind) == (Unavailable, message, None)
            assert server.connections == 1

    @pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\nCont", http()[:-1]])
    async def test_of_reads_on_a_kept_connection(self, part: bytes) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(http())
            await peer.request()
            await peer.send(part)
            peer.close()

        async with served(script) as (transport, server):
            assert await call(transport, "read") == ANSWER
            message = f"supervisord at {server.url} went away during a.b"
            assert await failed(transport, "read") == (Unavailable, message, 2)
            assert server.connections == 1

    async def test_nobody_reads_the_rest_of_anothers_answer(self) -> None:
        half_way, left = asyncio.Event(), asyncio.Event()

        async def script(peer: Peer) -> None:
            while await peer.request():
                await peer.send(http(b"<%d/>" % peer.number)[:-3])
                half_way.set()
                if peer.number == 1:
                    await left.wait()
                await peer.send(http(b"<%d/>" % peer.number)[-3:])

        async with served(script) as (transport, _):
            one = asyncio.ensure_future(call(transport, "read"))
            await half_way.wait()
            one.cancel()
            with pytest.raises(asyncio.CancelledError):
                await one
            left.set()
            assert await call(transport, "read") == b"<2/>"
            assert await call(transport, "read") == b"<2/>"


class TestOddAnswers:
    @pytest.mark.parametrize("kind", CALLS)
    @pytest.mark.parametrize("odd", [b"hello\r\n\r\n", b"\0" * 100, b"SSH-2.0-OpenSSH_9.2\r\n"])
    async def test_not_http(self, kind: str, odd: bytes) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(odd)
            peer.close()

        async with served(script) as (transport, _):
            message = "supervisord answered with something that is not HTTP"
            assert await failed(transport, kind) == (Broken, message, None)

    @pytest.mark.parametrize("kind", CALLS)
    @pytest.mark.parametrize("header", ["Transfer-Encoding: chunked\r\n\r\n4\r\n<ans\r\n5\r\nwer/>\r\n0\r\n\r\n"])
    async def test_in_chunks(self, kind: str, header: str) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            for byte in f"HTTP/1.1 200 OK\r\n{header}".encode():
                await peer.send(bytes([byte]))

        async with served(script) as (transport, _):
            assert await call(transport, kind) == ANSWER

    @pytest.mark.parametrize("kind", ["act", "wait"])
    async def test_longer_than_it_says(self, kind: str) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(http().replace(b": 9", b": 7"))

        async with served(script) as (transport, _):
            assert await call(transport, kind) == ANSWER

    @pytest.mark.parametrize("kind", CALLS)
    async def test_too_long(self, kind: str) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(http(b"x" * 10_000))
            await peer.closed()

        async with served(script, Limits(answer_bytes=9_000)) as (transport, _):
            message = "supervisord's answer is longer than 9000 bytes"
            assert await failed(transport, kind) == (Broken, message, None)

    @pytest.mark.parametrize("kind", CALLS)
    @pytest.mark.parametrize(
        ("status", "meaning"),
        [("400 Bad Request", Invalid), ("401 Unauthorized", Broken), ("500 Oops", Broken), ("302 Found", Broken)],
    )
    async def test_other_status(self, kind: str, status: str, meaning: type[EngineError]) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send(http(b"SECRET", status))

        async with served(script) as (transport, _):
            failure = await failed(transport, kind)
            assert failure[0] is meaning
            assert "SECRET" not in failure[1]


class TestLimits:
    async def test_silence(self) -> None:
        async with served(keep_silent, Limits(short=0.5, long=0.7)) as (transport, server):
            message = "supervisord did not answer a.b within 0.5 s"
            assert await failed(transport, "read") == (Timeout, message, None)
            assert await failed(transport, "act") == (Timeout, message + UNKNOWN, None)
            message = "supervisord did not answer a.b within 0.7 s"
            assert await failed(transport, "wait") == (Timeout, message + UNKNOWN, None)
            assert server.connections == 3

    async def test_waiting_for_a_connection_counts(self) -> None:
        async with served(keep_silent, Limits(short=0.2, connections=1)) as (transport, _):
            outcomes = await asyncio.gather(failed(transport, "read"), failed(transport, "act"))
            assert [outcome[0] for outcome in outcomes] == [Timeout, Timeout]

    async def test_long_calls_keep_no_short_one_waiting(self) -> None:
        async def script(peer: Peer) -> None:
            while b"Connection: close" not in await peer.request():
                await peer.send(http())
            await peer.closed()

        async with served(script, Limits(connections=1, waiting=20)) as (transport, _):
            waiting = [asyncio.ensure_future(call(transport, "wait")) for _ in range(20)]
            await asyncio.sleep(0)
            assert await call(transport, "read") == ANSWER
            message = "20 calls are already waiting for supervisord"
            assert await failed(transport, "wait") == (Unavailable, message, 2)
            for one in waiting:
                one.cancel()
            await asyncio.wait(waiting)
            with pytest.raises(TimeoutError):  # there is room again
                await asyncio.wait_for(call(transport, "wait"), 0.1)


class TestAway:
    @pytest.mark.parametrize("kind", CALLS)
    async def test_closed_before_anything_was_sent(self, kind: str) -> None:
        async def script(peer: Peer) -> None:
            peer.reset()

        async with served(script) as (transport, server):
            meaning, message, _ = await failed(transport, kind)
            assert meaning is Unavailable
            assert message.startswith(f"supervisord at {server.url} ")

    @pytest.mark.parametrize("kind", CALLS)
    async def test_nobody_listens(self, kind: str, tmp_path: Path) -> None:
        for url, reason in (
            (f"http://127.0.0.1:{free_port()}", "Connection refused"),
            (f"unix://{tmp_path}/none", "No such file or directory"),
        ):
            transport = Transport(parse(url, "jo", "secret"), Limits())
            message = f"supervisord at {url} cannot be reached: {reason}"
            assert await failed(transport, kind) == (Unavailable, message, 2)
            await transport.aclose()

    async def test_nobody_accepts(self) -> None:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen(0)
            port = listening.getsockname()[1]
            fill = [socket.socket() for _ in range(3)]
            for client in fill:
                client.setblocking(False)
                client.connect_ex(("127.0.0.1", port))
            transport = Transport(parse(f"http://127.0.0.1:{port}"), Limits(connect=0.2))
            message = f"supervisord at http://127.0.0.1:{port} cannot be reached: no connection within 0.2 s"
            assert await failed(transport, "read") == (Unavailable, message, 2)
            for client in fill:
                client.close()


class TestClose:
    @pytest.mark.parametrize("kind", CALLS)
    async def test_calls_end(self, kind: str) -> None:
        asked = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            asked.set()
            await peer.closed()

        async with served(script) as (transport, server):
            under_way = asyncio.ensure_future(failed(transport, kind))
            await asked.wait()
            await transport.aclose()
            assert (await under_way)[0] is Unavailable
            assert (await failed(transport, kind))[0] is Unavailable
            assert server.connections == 1
