"""Answers that are sent piece by piece, as an engine gives them: events, a job's output."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

import orjson
from starlette.responses import StreamingResponse

from opsgate.backends.errors import EngineError

T = TypeVar("T")

_PAUSE: Final = 15.0
"""Seconds without an event until a comment shows that the stream lives."""
_FIRST: Final = 0.3
"""Seconds in which the beginning of a stream may fail with a status of its own."""


async def stream(
    pieces: AsyncIterator[T], write: Callable[[T], bytes], *, media_type: str, start: bytes = b"", alive: bytes = b""
) -> StreamingResponse:
    """Send pieces as they come. What fails at once is answered with its status, not in the stream.

    Args:
        pieces: What to send. Where it fails later on, the stream ends, and whoever follows may come back.
        write: Gives the bytes of a piece.
        media_type: Of the answer.
        start: What is sent before the first piece.
        alive: What is sent while there is nothing to send; nothing if empty.

    Raises:
        EngineError: The first piece failed with it.
    """
    first = asyncio.ensure_future(anext(pieces))
    await asyncio.wait({first}, timeout=_FIRST)
    if first.done() and isinstance(failure := first.exception(), EngineError):
        raise failure
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(_texts(pieces, first, write, start, alive), headers=headers, media_type=media_type)


async def events(pieces: AsyncIterator[T], write: Callable[[T], bytes]) -> StreamingResponse:
    """Send server-sent events; `write` gives the text of each, as `event` makes it."""
    return await stream(
        pieces, write, media_type="text/event-stream", start=b": connected\n\n", alive=b": still here\n\n"
    )


def event(number: str, kind: str, data: object) -> bytes:
    """The text of a server-sent event; its data are JSON."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (number.encode(), kind.encode(), orjson.dumps(data))


async def _texts(
    pieces: AsyncIterator[T], waiting: asyncio.Future[T], write: Callable[[T], bytes], start: bytes, alive: bytes
) -> AsyncIterator[bytes]:
    if start:
        yield start
    try:
        while True:
            await asyncio.wait({waiting}, timeout=_PAUSE if alive else None)
            if not waiting.done():
                yield alive
                continue
            try:
                piece = waiting.result()
            except (StopAsyncIteration, EngineError):
                return
            waiting = asyncio.ensure_future(anext(pieces))
            yield write(piece)
    finally:
        waiting.cancel()
