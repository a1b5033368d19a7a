"""The log, runs, and what they wrote: see `port.LogsPort`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opsgate.backends.errors import NotFound
from opsgate.backends.jobs import pieces
from opsgate.backends.jobs.pieces import BEGINNING
from opsgate.backends.redengine import changes, records
from opsgate.backends.redengine.port import Filters, JsonObject, LogPage, Page, Piece
from opsgate.backends.redengine.state import reading
from opsgate.backends.redengine.tasks import API

if TYPE_CHECKING:
    from opsgate.backends.jobs.engine import OpenEngine
    from opsgate.backends.redengine.store import Store

ALL: Final = Page()


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
            return {"run_id": run_id, **await pieces.read(engine, API, run_id, piece)}
        except NotFound:  # not handed over yet, or called off
            nothing = {"text": "", "offset": 0, "next_offset": 0, "size": 0}
            return {"run_id": run_id, "stream": piece.stream, **nothing, "complete": row["state"] == "ended"}

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
