"""From what handlers return to answers: finished JSON with ETag, filters, gzip, events, deletions without a body."""

from __future__ import annotations

import asyncio
import functools
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from connexion.context import _scope
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from opsgate.backends.ecflow.port import Change, Document, Event, NodeStatus
from opsgate.backends.errors import EngineError
from opsgate.compiled.parameters import parse_query
from opsgate.ecflow.filters import select

Handler = Callable[..., Awaitable[Any]]

_LEAST: Final = 1000
"""Bytes from which on compressing pays."""
_PAUSE: Final = 15.0
"""Seconds without an event until a comment shows that the stream lives."""
_FIRST: Final = 0.3
"""Seconds in which the beginning of a stream may fail with a status of its own."""


class Packed(Response):
    """JSON that may be sent compressed; `body` stays as it was, for whoever checks it."""

    packed: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if self.packed is not None:
            self.body = self.packed
            self.headers["content-length"] = str(len(self.packed))
            self.headers["content-encoding"] = "gzip"
        await super().__call__(scope, receive, send)


class Presenter:
    """Presents the answers of one API.

    Args:
        prefix: Where it lies; what is created is named accordingly.
        bare: Whether deletions are always answered without a body.
    """

    def __init__(self, prefix: str, *, bare: bool = False) -> None:
        self._prefix = prefix
        self._bare = bare

    def __call__(self, handler: Handler) -> Handler:
        """`handler`, its results presented."""

        @functools.wraps(handler)
        async def presented(**arguments: Any) -> Any:
            return await self._present(await handler(**arguments), _scope.get())

        return presented

    async def _present(self, result: Any, scope: Scope) -> Any:
        if isinstance(result, AsyncIterator):
            return await _stream(result)
        if isinstance(result, tuple):
            return self._created(*result, scope=scope)
        if scope["method"] == "DELETE" and (self._bare or "return=minimal" in _header(scope, b"prefer")):
            return Response(status_code=204)
        if scope["method"] not in ("GET", "HEAD"):
            return result
        return _read(result, scope)

    def _created(self, body: Any, status: int, headers: Mapping[str, str], *, scope: Scope) -> Any:
        prefix = "" if scope.get("opsgate.api") else self._prefix
        return body, status, {**headers, "Location": prefix + headers["Location"]}


def etag(change: Change, *, seen: bool = False) -> str:
    """The ETag of whatever shows this state of the definition; `seen` where secrets are seen."""
    server = "".join(letter for letter in change.server if letter.isalnum())
    return f'W/"{server}-{change.state}-{change.modify}{"-s" if seen else ""}"'


def _read(result: Any, scope: Scope) -> Response:
    change = result.change if isinstance(result, Document | NodeStatus) else None
    headers = {"Vary": "Accept-Encoding, Authorization, X-API-Key", "Cache-Control": "no-cache"}
    if change is not None:
        headers |= {
            "ETag": etag(change, seen=bool(scope.get("opsgate.caller"))),
            "X-Ecflow-Change": f"{change.state}-{change.modify}",
        }
        if isinstance(result, Document):
            scope["opsgate.cached"] = True
        if _unchanged(_header(scope, b"if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
    return _json(result, scope, headers)


def _json(result: Any, scope: Scope, headers: Mapping[str, str]) -> Response:
    wanted = dict(parse_query(scope["query_string"])).get("filter", "") if scope["query_string"] else ""
    if wanted:
        value = orjson.loads(result.body) if isinstance(result, Document) else _plain(result)
        body = orjson.dumps(select(value, wanted))
    else:
        body = result.body if isinstance(result, Document) else orjson.dumps(_plain(result))
    answer = Packed(body, headers=headers, media_type="application/json")
    if len(body) >= _LEAST and _takes_gzip(_header(scope, b"accept-encoding")):
        finished = isinstance(result, Document) and not wanted
        answer.packed = result.gzipped if finished else gzip.compress(body, compresslevel=5, mtime=0)
    return answer


def _plain(result: Any) -> Any:
    if not isinstance(result, NodeStatus):
        return result
    why = {"bottom_up_why": list(result.why.bottom_up), "top_down_why": list(result.why.top_down)}
    return {"status": result.status, "path": result.path, "default_status": result.default_status, "why": why}


def _unchanged(known: str, tag: str) -> bool:
    return bool(known) and (
        known.strip() == "*" or tag[2:] in {part.strip().removeprefix("W/") for part in known.split(",")}
    )


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _header(scope: Scope, name: bytes) -> str:
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)


async def _stream(events: AsyncIterator[Event]) -> StreamingResponse:
    """Events as they come. What fails at once is answered with its status, not in the stream."""
    first = asyncio.ensure_future(anext(events))
    await asyncio.wait({first}, timeout=_FIRST)
    if first.done() and isinstance(failure := first.exception(), EngineError):
        raise failure
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(_texts(events, first), headers=headers, media_type="text/event-stream")


async def _texts(events: AsyncIterator[Event], waiting: asyncio.Future[Event]) -> AsyncIterator[bytes]:
    yield b": connected\n\n"
    try:
        while True:
            await asyncio.wait({waiting}, timeout=_PAUSE)
            if not waiting.done():
                yield b": still here\n\n"
                continue
            try:
                event = waiting.result()
            except (StopAsyncIteration, EngineError):
                return  # whoever follows comes back with the last id
            waiting = asyncio.ensure_future(anext(events))
            yield b"id: %b\nevent: %b\ndata: %b\n\n" % (
                event.id.encode(),
                event.kind.encode(),
                orjson.dumps(event.data),
            )
    finally:
        waiting.cancel()
