"""What a job wrote, in pieces of text, for APIs whose clients come back for the next piece and wait for more."""

from __future__ import annotations

import asyncio
import codecs
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from opsgate.backends.jobs.output import Stream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from opsgate.backends.jobs.engine import Engine
    from opsgate.backends.jobs.model import Output


@dataclass(frozen=True, slots=True)
class Piece:
    """Which piece of a job's output to read.

    Attributes:
        stream: Standard output or standard error.
        offset: Where it begins, in bytes; from the end where negative.
        limit: How many bytes at most.
        tail: Begin with the last so many lines instead.
        wait: Seconds to wait until there is some.
    """

    stream: Stream = "stdout"
    offset: int = 0
    limit: int = 65536
    tail: int | None = None
    wait: float = 0


BEGINNING: Final = Piece()


async def read(engine: Engine, api: str, job_id: str, piece: Piece) -> dict[str, Any]:
    """Return a piece as `{"stream", "text", "offset", "next_offset", "size", "complete"}`.

    Raises:
        NotFound: This API has no such job.
    """
    found = await _output(engine, api, job_id, piece)
    if piece.wait and not found.data and not found.complete:
        await _until_more(engine, api, job_id, piece, found.next)
        found = await _output(engine, api, job_id, piece)
    data = whole_characters(found.data, is_last=found.complete)
    return {
        "stream": piece.stream,
        "text": data.decode(errors="replace"),
        "offset": found.offset,
        "next_offset": found.offset + len(data),
        "size": found.size,
        "complete": found.complete,
    }


def whole_characters(data: bytes, *, is_last: bool) -> bytes:
    """Return a piece of UTF-8 without the beginning of a character at its end, which belongs to the next piece.

    Args:
        data: The piece; bytes that are not UTF-8 stay.
        is_last: Whether no piece follows: then all of it is kept.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data, final=is_last)
    return data[: len(data) - len(decoder.getstate()[0])]


async def _output(engine: Engine, api: str, job_id: str, piece: Piece) -> Output:
    if piece.tail is None:
        return await engine.output(api, job_id, piece.stream, offset=piece.offset, limit=piece.limit)
    return await engine.last_lines(api, job_id, piece.stream, lines=piece.tail, limit=piece.limit)


async def _until_more(engine: Engine, api: str, job_id: str, piece: Piece, offset: int) -> None:
    """Return when there is something behind `offset`, when the job is over, or when the time is."""
    with suppress(TimeoutError):
        follow = cast("AsyncGenerator[bytes, None]", engine.follow_output(api, job_id, piece.stream, offset=offset))
        async with asyncio.timeout(piece.wait), aclosing(follow) as pieces:
            async for _ in pieces:
                return
