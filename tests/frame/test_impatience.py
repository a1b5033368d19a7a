"""A connection on which nothing comes, or never the end of it, is closed; one that is used is not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from opsgate import impatience
from opsgate.impatience import Impatient

pytestmark = pytest.mark.anyio

SHORT = 1.0
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers when the body is there; below /slow when it has been patient, too."""
    while (await receive()).get("more_body"):
        pass
    if scope["path"] == "/slow":
        await asyncio.sleep(2 * SHORT)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(impatience, "PATIENCE", SHORT)
    config = uvicorn.Config(app, timeout_keep_alive=60, log_config=None)
    config.load()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Impatient(config=config, server_state=ServerState(), app_state={}), "127.0.0.1", 0
    )
    async with server:
        yield server.sockets[0].getsockname()[1]


async def said(port: int, *pieces: bytes, pause: float = 0.0) -> tuple[bytes, float]:
    """What is answered until the connection is closed, and how long that took; pieces are sent one after the other."""
    begin = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await asyncio.sleep(pause)
    try:
        answer = await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:  # it was closed before the last piece came
        answer = b""
    seconds = time.monotonic() - begin
    writer.transport.abort()
    return answer, seconds


class TestClosed:
    async def test_who_says_nothing(self, port: int) -> None:
        answer, seconds = await said(port)
        assert (answer, seconds >= SHORT) == (b"", True)

    async def test_who_drips_a_header(self, port: int) -> None:
        answer, seconds = await said(port, GET + b"X-Slow: ", *[b"x"] * 12, pause=SHORT / 10)
        assert (answer, seconds >= SHORT) == (b"", True)

    async def test_who_drips_the_header_of_a_second_request(self, port: int) -> None:
        answer, seconds = await said(port, GET + b"\r\n", GET)
        assert answer.count(b"200 OK") == 1
        assert seconds >= SHORT

    async def test_who_does_not_end_a_body(self, port: int) -> None:
        answer, seconds = await said(port, POST + b"ab")
        assert (answer, seconds >= SHORT) == (b"", True)


class TestKept:
    async def test_who_waits_for_an_answer(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET.replace(b"/", b"/slow", 1) + b"\r\n")
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"ok"), 20)
        writer.close()
        await writer.wait_closed()

    async def test_who_sends_a_body_piece_by_piece(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(POST)
        for _ in range(15):
            await asyncio.sleep(SHORT / 10)
            writer.write(b"x")
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"ok"), 20)
        writer.close()
        await writer.wait_closed()

    async def test_whose_second_request_is_not_read_yet(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET.replace(b"/", b"/slow", 1) + b"\r\n" + POST + b"ab")
        assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"ok"), 20)
        writer.close()
        await writer.wait_closed()
