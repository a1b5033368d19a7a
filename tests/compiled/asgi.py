"""Sends requests to an ASGI app exactly as they are written: nothing is normalised on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.types import ASGIApp, Message


@dataclass(frozen=True)
class Request:
    """One request; `target` is path and query as a server reads them, `body` is None for no body."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @property
    def scope(self) -> dict[str, Any]:
        """The same for ASGI, as uvicorn makes it."""
        raw, _, query = self.target.partition("?")
        headers = [("host", "127.0.0.1"), ("user-agent", "test"), *self.headers]
        if self.body is not None:
            headers.append(("content-length", str(len(self.body))))
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": unquote(raw),
            "raw_path": raw.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
            "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 50000),
            "state": {},
        }


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return orjson.loads(self.body)

    @property
    def message(self) -> str:
        """The sentence of an error body; empty for any other answer."""
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return ""
        if not isinstance(found, dict):
            return ""
        return next((str(found[name]) for name in ("message", "error", "Message", "detail") if name in found), "")


async def send(app: ASGIApp, request: Request) -> Answer:
    """Send a request whose client stays until the answer is complete."""
    return await send_messages(app, request, [{"type": "http.request", "body": request.body or b""}], stays=True)


async def send_messages(app: ASGIApp, request: Request, messages: Iterable[Message], *, stays: bool = False) -> Answer:
    """The same with the messages that a server would deliver; after the last one the client is gone or `stays`."""
    waiting, sent = iter(messages), []

    async def receive() -> Message:
        for message in waiting:
            return message
        if stays:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def note(message: Message) -> None:
        sent.append(message)

    await app(request.scope, receive, note)
    if not sent:
        return Answer(0, {}, b"")
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


async def ask(app: ASGIApp, method: str, target: str, body: bytes | None = None, **headers: str) -> Answer:
    """Send one request; header names are written with underscores."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return await send(app, Request(method, target, named, body))
