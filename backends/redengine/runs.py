"""The log, runs, and what they wrote: see `port.LogsPort`."""

from __future__ import annotations

import asyncio
import codecs
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final, cast

from opsgate.backends.errors import NotFound
from opsgate.backends.redengine import changes, records
from opsgate.backends.redengine.port import Filters, JsonObject, LogPage, Page, Piece
from opsgate.backends.redengine.state import reading
from opsgate.backends.redengine.tasks import API, OpenEngine

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from opsgate.backends.jobs.engine import Engine
    from opsgate.backends.jobs.model import Output
    from opsgate.backends.redengine.store import Store

ALL: Final = Page()
BEGINNING: Final = Piece()


class Runs:
    """Runs in the store, and their output in the job engine's.

    Args:
        store: The store.
        engine: What runs are jobs of.
    """

    def __init__(self, store: Store, engine: OpenEngine) -> None:
        self._store = store
        self._engine = engine

    async def logs(self, filters: Filters = (), page: Page = ALL) -> LogPage:
        """See `LogsPort`."""
        return await (await self._store()).reader.logs(filters, page)

    async def runs(self, name: str, limit: int = 20) -> list[JsonObject]:
        """See `LogsPort`."""
        db = (await self._store()).reader.db
        with reading():
            task = changes.get(db, name)
            found = changes.rows(db, f"{records.RUN} WHERE task = ? ORDER BY seq DESC LIMIT ?", (task["seq"], limit))
            return [records.run(row) for row in found]

    async def run(self, run_id: str) -> JsonObject:
        """See `LogsPort`."""
        with reading():
            return records.run(changes.get_run((await self._store()).reader.db, run_id))

    async def output(self, run_id: str, piece: Piece = BEGINNING) -> JsonObject:
        """See `LogsPort`."""
        row = await self.run(run_id)
        engine = await self._engine()
        try:
            found = await _read(engine, run_id, piece)
            if piece.wait and not found.data and not found.complete:
                await _until_more(engine, run_id, piece, found.next)
                found = await _read(engine, run_id, piece)
        except NotFound:  # not handed over yet, or called off
            return _answer(run_id, piece, "", 0, 0, 0, is_complete=row["state"] == "ended")
        text, length = _whole_characters(found.data, is_last=found.complete)
        after = found.offset + length
        return _answer(run_id, piece, text, found.offset, after, found.size, is_complete=found.complete)

    async def task_output(self, name: str, piece: Piece = BEGINNING) -> JsonObject:
        """See `LogsPort`."""
        db = (await self._store()).reader.db
        with reading():
            task = changes.get(db, name)
            begun = "SELECT run_id FROM run WHERE task = ? AND start IS NOT NULL ORDER BY seq DESC LIMIT 1"
            found = db.execute(begun, (task["seq"],)).fetchone()
        if found is None:
            raise NotFound(f"The task {name!r} has not run yet, or its runs are not kept any more")
        return await self.output(found[0], piece)


def _answer(  # noqa: PLR0913, PLR0917 - its members
    run_id: str, piece: Piece, text: str, offset: int, after: int, size: int, *, is_complete: bool
) -> JsonObject:
    return {
        "run_id": run_id,
        "stream": piece.stream,
        "text": text,
        "offset": offset,
        "next_offset": after,
        "size": size,
        "complete": is_complete,
    }


def _whole_characters(data: bytes, *, is_last: bool) -> tuple[str, int]:
    """The text, and how many bytes it took: a character whose end is not there yet is left for the next piece."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data, final=is_last)
    return text, len(data) - len(decoder.getstate()[0])


async def _read(engine: Engine, run_id: str, piece: Piece) -> Output:
    if piece.tail is None:
        return await engine.output(API, run_id, piece.stream, offset=piece.offset, limit=piece.limit)
    return await engine.last_lines(API, run_id, piece.stream, lines=piece.tail, limit=piece.limit)


async def _until_more(engine: Engine, run_id: str, piece: Piece, offset: int) -> None:
    """Return when there is something behind `offset`, when the run is over, or when the time is."""
    with suppress(TimeoutError):
        follow = cast("AsyncGenerator[bytes, None]", engine.follow_output(API, run_id, piece.stream, offset=offset))
        async with asyncio.timeout(piece.wait), aclosing(follow) as pieces:
            async for _ in pieces:
                return
