"""From what handlers return to answers: finished JSON with ETag and gzip, events, text as it is written."""

from __future__ import annotations

import asyncio
import functools
import gzip
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from connexion.context import _scope
from starlette.responses import Response
from starlette.types import Scope

from opsgate import packed
from opsgate.backends.flux import ids
from opsgate.backends.flux.port import Event
from opsgate.backends.flux.record import Page
from opsgate.compiled.parameters import parse_query
from opsgate.handlers.flux.needs import Written
from opsgate.streaming import event, events, stream

Handler = Callable[..., Awaitable[Any]]

QUERY: Final = "given"
"""The argument in which handlers get all of a query, by name."""
_TEXT: Final = "text/plain"
_EVENTS: Final = "text/event-stream"
_HEADERS: Final = [(b"cache-control", b"no-cache"), (b"vary", b"Accept, Accept-Encoding, Authorization")]
_FIRST: Final = 0.3
"""Seconds that a stream has to fail, where only its headers are asked for."""
_LEVEL: Final = 1
"""Of compression: lists change often, and more costs more than it saves."""


class Presenter:
    """Gives handlers the query they ask for, and presents what they return."""

    def __init__(self) -> None:
        """Begin without a compressed list."""
        self._gzipped: WeakKeyDictionary[Page, dict[str, bytes]] = WeakKeyDictionary()

    def __call__(self, handler: Handler) -> Handler:
        """`handler`, its results presented."""
        takes_query = QUERY in inspect.signature(handler).parameters

        @functools.wraps(handler)
        async def presented(**arguments: Any) -> Any:
            scope = _scope.get()
            if takes_query:
                arguments[QUERY] = dict(parse_query(scope["query_string"]))
            return await self._present(await handler(**arguments), scope)

        return presented

    async def _present(self, result: Any, scope: Scope) -> Any:
        if isinstance(result, Written):
            return self._written(result, scope)
        if isinstance(result, AsyncIterator):
            return await _stream(result, scope)
        return result

    def _written(self, result: Written, scope: Scope) -> Response:
        page = result.page
        if page is None:
            return packed.answer(scope, result.body, _HEADERS)
        kept = (lambda: self._compressed(page, result)) if result.form else None
        return packed.answer(scope, result.body, _HEADERS, tag=f'W/"{page.change}"', gzipped=kept)

    def _compressed(self, page: Page, result: Written) -> bytes:
        """The list compressed; the same page is asked for until a job changes."""
        kept = self._gzipped.setdefault(page, {})
        if result.form not in kept:
            kept[result.form] = gzip.compress(result.body, compresslevel=_LEVEL, mtime=0)
        return kept[result.form]


async def _stream(pieces: AsyncIterator[Any], scope: Scope) -> Response:
    is_text = scope["path"].endswith("/output/stream")
    if scope["method"] == "HEAD":
        await _begin(pieces)
        return Response(headers={"Cache-Control": "no-cache"}, media_type=_TEXT if is_text else _EVENTS)
    if is_text:
        return await stream(pieces, str.encode, media_type=_TEXT)
    return await events(pieces, _event)


async def _begin(pieces: AsyncIterator[Any]) -> None:
    """Let a stream fail that fails at once, and end it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_FIRST):
            await anext(pieces, None)
    if isinstance(pieces, AsyncGenerator):
        await pieces.aclose()


def _event(happened: Event) -> bytes:
    """An event as server-sent: named as in Flux, its data with the job's id in both forms."""
    number = happened.job
    job = {"id": number, "f58": None if number is None else ids.f58(number)}
    told = {**job, "name": happened.name, "timestamp": happened.timestamp, "context": dict(happened.context)}
    return event(happened.id, happened.name, told)
