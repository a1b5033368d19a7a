"""What goes wrong in handlers and on the way to them."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest
import uvicorn
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp

from opsgate.backends import errors
from tests.compiled import sample
from tests.compiled.asgi import ask

pytestmark = pytest.mark.anyio


class TestFailures:
    async def test_of_an_engine_are_rendered_for_the_api(self, app: ASGIApp) -> None:
        answer = await ask(app, "GET", "/sample/failures/missing")
        assert (answer.status, answer.json) == (404, {"message": "no such thing: x", "code": 10})

    async def test_of_an_engine_tell_when_to_try_again(self, app: ASGIApp) -> None:
        answer = await ask(app, "GET", "/sample/failures/away")
        assert (answer.status, answer.headers["retry-after"]) == (503, "3")
        assert answer.json == {"message": "the engine is away"}

    async def test_of_ours_are_logged_and_keep_their_secret(
        self, app: ASGIApp, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.ERROR):
            answer = await ask(sample.guarded(app), "GET", "/sample/failures/bug", X_Request_Id="id-1")
        assert (answer.status, answer.json) == (500, {"message": "Internal error; see the server's log"})
        assert answer.headers["x-request-id"] == "id-1"
        assert "GET /sample/failures/bug, request id-1: unexpected failure" in caplog.text
        assert "ZeroDivisionError: a secret" in caplog.text

    async def test_of_a_stream_break_it_off(self, app: ASGIApp) -> None:
        with pytest.raises(errors.Broken):
            await ask(app, "GET", "/sample/failures/stream")

    async def test_before_a_stream_begins_are_answered(self) -> None:
        class Broken(StreamingResponse):
            async def __call__(self, *_asgi: object) -> None:
                raise errors.Timeout("too late")

        async def ping() -> Broken:
            return Broken(iter([b""]))

        answer = await ask(sample.connexion_app(handlers={"ping": ping}), "GET", "/sample/ping")
        assert (answer.status, answer.json) == (504, {"message": "too late"})


class TestClientThatLeaves:
    async def test_interrupts_no_handler(self) -> None:
        begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def ping() -> str:
            begun.set()
            await go_on.wait()
            ended.set()
            return "pong"

        app = sample.connexion_app(handlers={"ping": ping})
        server = uvicorn.Server(uvicorn.Config(app, lifespan="off", ws="none", log_level="warning"))
        with socket.create_server(("127.0.0.1", 0)) as listening:
            serving = asyncio.create_task(server.serve([listening]))
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            writer.write(b"GET /sample/ping HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            await asyncio.wait_for(begun.wait(), 5)
            writer.close()
            await writer.wait_closed()
            while server.server_state.connections:  # noqa: ASYNC110 - uvicorn tells nobody
                await asyncio.sleep(0.01)
            go_on.set()
            await asyncio.wait_for(ended.wait(), 5)
            server.should_exit = True
            await asyncio.wait_for(serving, 5)
        assert await reader.read() == b""
