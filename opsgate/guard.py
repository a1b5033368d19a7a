"""The outer edge: what never reaches an API.

Refuses URLs that are not clean UTF-8 or too long, bodies that are too large or not UTF-8 JSON, foreign ``Host``
and ``Origin`` headers (DNS rebinding, pages of other sites); gives each request an id; evens out what Connexion
trips over (a missing, upper-case or chunked body's headers). See docs/decisions/0003.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsgate.hosts import HostRule

Headers = dict[bytes, bytes]
RenderError = Callable[[str, int, str], bytes]
"""Builds the body of a refusal from the path, the status and a sentence."""

Seen = Callable[[Scope, int, float], None]
"""Is told that a request (its scope) is answered with a status, so many seconds after it came in."""

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_MAX_URL = 8190  # bytes of path and query: what gunicorn and nginx allow
_DISCARDED = 16 * 2**20  # bytes of a body that is too large
_DISCARDING = 2.0  # seconds
_STARTED = "opsgate.started"  # in a scope whose answer has begun
_ENDING = "This process of the service ends; whether the request took effect is not known"
_FORMS = (b"application/x-www-form-urlencoded", b"text/plain")


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class Limits:
    """What the guard lets through.

    Attributes:
        max_body: The largest body, in bytes.
        hosts: Which ``Host`` and ``Origin`` headers are ours.
        lenient: Path prefixes of APIs whose documented clients send JSON without saying so.
        any_text: Path prefixes of APIs that answer 404 to whatever is no name of theirs, a NUL included.
        bodies: The largest body of APIs that have a limit of their own, by prefix without a slash at its end.
    """

    max_body: int
    hosts: HostRule
    lenient: Collection[str] = field(default=())
    any_text: Collection[str] = field(default=())
    bodies: Mapping[str, int] = field(default_factory=dict)

    def body(self, path: str) -> int:
        """The largest body that may be sent to a path."""
        return self.bodies.get("/" + path[1:].partition("/")[0], self.max_body) if self.bodies else self.max_body


class Guard:
    """ASGI middleware; the outermost."""

    def __init__(self, app: ASGIApp, *, limits: Limits, render: RenderError, seen: Seen) -> None:
        """Guard `app`; refusals are rendered by `render`, and `seen` is told of each answer."""
        self._app = app
        self._seen = seen
        self._limits = limits
        self._render = render
        self._ids: Iterator[int] | None = None
        self._prefix = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, then pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Headers = dict(reversed(scope["headers"]))  # of a repeated one the first counts
        identified = self._identify(headers, scope, send)
        try:
            self._check_url(scope)
            self._check_site(headers)
            if b"content-length" in headers or b"transfer-encoding" in headers:
                receive = await self._check_body(scope, headers, receive)
        except _Refused as refused:
            await self._refuse(scope, identified, refused)
            return
        except _Gone:
            return
        try:
            await self._app(scope, receive, identified)
        except asyncio.CancelledError:  # the worker ends, and has waited for this one as long as it may
            if _STARTED not in scope:
                await self._refuse(scope, identified, _Refused(503, _ENDING))

    def _identify(self, headers: Headers, scope: Scope, send: Send) -> Send:
        """Take the client's request id, or make one, and put it on the answer."""
        request_id = headers.get(b"x-request-id")
        if request_id is None or not _REQUEST_ID.fullmatch(request_id):
            request_id = self._next_id()
        scope["request_id"] = request_id.decode("ascii")
        header = (b"x-request-id", request_id)
        begin = perf_counter()

        def identified(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], header]
                scope[_STARTED] = True
                self._seen(scope, message["status"], perf_counter() - begin)
            return send(message)

        return identified

    def _next_id(self) -> bytes:
        """Unique among all workers: a random part made after the fork, and a count."""
        if self._ids is None:
            self._ids, self._prefix = itertools.count(1), os.urandom(6).hex().encode()
        return b"%b-%d" % (self._prefix, next(self._ids))

    def _check_url(self, scope: Scope) -> None:
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        query: bytes = scope["query_string"]
        whole = raw + b"&" + query if query else raw
        if len(whole) > _MAX_URL:
            raise _Refused(414, f"The URL is longer than {_MAX_URL} bytes")
        if b"%" not in whole and whole.isascii() and b"\0" not in whole:
            return
        text = unquote_to_bytes(raw) + b"&" + unquote_to_bytes(query)
        if b"\0" in text and not scope["path"].startswith(tuple(self._limits.any_text)):
            raise _Refused(400, "The URL holds a NUL")
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            raise _Refused(400, "The URL is not valid UTF-8") from None

    def _check_site(self, headers: Headers) -> None:
        if reason := self._limits.hosts.refuses(headers):
            raise _Refused(403, reason)

    async def _check_body(self, scope: Scope, headers: Headers, receive: Receive) -> Receive:
        length = headers.get(b"content-length")
        chunked = b"transfer-encoding" in headers
        if not chunked and (length is None or length == b"0"):
            return receive
        most = self._limits.body(scope["path"])
        if length is not None and (not length.isdigit() or int(length) > most):
            if b"expect" not in headers:  # who asks before sending waits for our answer
                await _discard(receive)
            raise _Refused(413, f"The body is larger than {most} bytes")
        given = headers.get(b"content-type", b"")
        media, _, parameters = given.partition(b";")
        media = media.strip().lower()
        if media.endswith(b"json") and b"charset" in parameters.lower() and b"utf-8" not in parameters.lower():
            raise _Refused(415, "Only JSON in UTF-8 is accepted")
        lenient = scope["path"].startswith(tuple(self._limits.lenient))
        if media and not chunked and not lenient and media == given:
            return receive
        body = await _read(receive, most)
        scope["opsgate.body"] = body
        scope["headers"] = _with_body(scope, body, _media_type(media, given, body, lenient=lenient))
        return replay(body, receive)

    async def _refuse(self, scope: Scope, send: Send, refused: _Refused) -> None:
        body = self._render(scope["path"], refused.status, refused.message)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),  # the rest of the request may still be on its way
        ]
        await send({"type": "http.response.start", "status": refused.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


class _Gone(Exception):
    pass


async def _read(receive: Receive, most: int) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
        if size > most:
            if more:
                await _discard(receive)
            raise _Refused(413, f"The body is larger than {most} bytes")
    return b"".join(parts)


async def _discard(receive: Receive) -> None:
    """Take what is still on its way, within bounds: closing before it has come takes our answer away as well."""
    left, more = _DISCARDED, True
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARDING):
            while more and left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                more = message.get("more_body", False)


def _media_type(media: bytes, given: bytes, body: bytes, *, lenient: bool) -> bytes:
    """The media type Connexion is told: JSON where none is named, the boundary of a multipart body kept."""
    looks_json = body.lstrip()[:1] in (b"{", b"[")
    if not media or (lenient and looks_json and media in _FORMS):
        return b"application/json"
    return given if media.startswith(b"multipart/") else media


def _with_body(scope: Scope, body: bytes, media: bytes) -> list[tuple[bytes, bytes]]:
    replaced = (b"content-length", b"content-type", b"transfer-encoding")
    kept = [(name, value) for name, value in scope["headers"] if name not in replaced]
    return [*kept, (b"content-length", b"%d" % len(body)), (b"content-type", media)]


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body first, then what the server says."""
    done = False

    async def replayed() -> Message:
        nonlocal done
        if done:
            return await receive()
        done = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
