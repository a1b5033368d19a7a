"""What is to be done every few seconds by any process that has the engine open; several at once do no harm."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opsgate.backends.jobs import clocks, queue, recovery
from opsgate.backends.jobs.database import Database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from opsgate.backends.jobs.layout import Layout

_JOURNAL_ROWS = 100_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Keep:
    """How long finished jobs of an API are kept. None: for ever.

    Args:
        seconds: Since they finished, by the wall clock.
        jobs: How many of them, the newest.
    """

    seconds: float | None = None
    jobs: int | None = None


def tidy(layout: Layout, keep: Mapping[str, Keep], executors: tuple[str, ...]) -> list[str]:
    """Look after jobs without a runner, claim what may start, remove what is old. Blocks: not for the event loop.

    Args:
        layout: The state directory.
        keep: By API.
        executors: The names of those this process can start runners with.

    Returns:
        The ids of claimed jobs, for the caller to start.
    """
    store = Database(layout)
    try:
        recovery.recover(store, layout)
        for api, how_long in keep.items():
            with store.change(durable=False) as db:
                _remove_old(db, api, how_long)
        _empty_trash(store, layout)
        _shorten_journal(store)
        return queue.claim_in(store, clocks.myself(), executors)
    finally:
        store.close()


def _remove_old(db: sqlite3.Connection, api: str, keep: Keep) -> None:
    if keep.seconds is not None:
        db.execute(
            """
            DELETE FROM job WHERE seq IN (
                SELECT seq FROM job WHERE api = ? AND ended IS NOT NULL AND finished_at < ? ORDER BY ended LIMIT ?)
            """,
            (api, time.time() - keep.seconds, _AT_ONCE),
        )
    if keep.jobs is not None:
        finished = "SELECT jobs FROM tally WHERE api = ? AND state = 'finished'"
        row = db.execute(finished, (api,)).fetchone()
        too_many = (row[0] if row else 0) - keep.jobs
        db.execute(
            """
            DELETE FROM job WHERE seq IN (
                SELECT seq FROM job WHERE api = ? AND ended IS NOT NULL ORDER BY ended LIMIT ?)
            """,
            (api, max(0, min(too_many, _AT_ONCE))),
        )


def _empty_trash(store: Database, layout: Layout) -> None:
    for (job_id,) in store.connection.execute("SELECT id FROM trash LIMIT ?", (_AT_ONCE,)).fetchall():
        shutil.rmtree(layout.job(job_id), ignore_errors=True)
        with store.change(durable=False) as db:
            db.execute("DELETE FROM trash WHERE id = ?", (job_id,))


def _shorten_journal(store: Database) -> None:
    first, last = store.connection.execute(
        "SELECT (SELECT min(change) FROM journal), (SELECT max(change) FROM journal)"
    ).fetchone()
    if last - first > _JOURNAL_ROWS + _AT_ONCE:
        with store.change(durable=False) as db:
            db.execute("DELETE FROM journal WHERE change < ? ", (min(last - _JOURNAL_ROWS, first + 20 * _AT_ONCE),))
