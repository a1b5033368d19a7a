"""Writing the store from the event loop: one thread, and one transaction, one flush, for all that waits meanwhile."""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from opsgate.backends.calls import Calls
from opsgate.backends.errors import Unavailable
from opsgate.backends.jobs import database, schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from opsgate.backends.jobs.layout import Layout

T = TypeVar("T")
_MOST_TOGETHER = 64
CHANGE = "change"
"""What every change is counted as."""


class _Wish(NamedTuple):
    operation: Callable[[sqlite3.Connection], Any]
    durable: bool
    answer: asyncio.Future[Any]


class Writer:
    """Makes changes, each wholly or not at all. Belongs to the event loop it is opened in.

    Args:
        layout: The state directory.
        tables: What its store holds.
        calls: Counts the changes.
    """

    def __init__(self, layout: Layout, tables: schema.Tables = schema.JOBS, calls: Calls | None = None) -> None:
        self._tables = tables
        self._calls = calls or Calls(tables.store)
        self._loop = asyncio.get_running_loop()
        self._wishes: queue.SimpleQueue[_Wish | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, args=(layout,), name="job-store-writer", daemon=True)
        self._thread.start()

    async def do(self, operation: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Make a change.

        Args:
            operation: Called in the writer's thread with a connection inside a transaction. What it raises undoes
                what it did, and reaches the caller.
            durable: Whether a power cut may not undo it, once this returned.

        Raises:
            Unavailable: The store cannot be written: a full disk, for example. Nothing of the change is there.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        self._wishes.put(_Wish(operation, durable, answer))
        return await self._calls.counted(CHANGE, answer)

    async def close(self) -> None:
        """Make the changes that wait, then end."""
        self._wishes.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self, layout: Layout) -> None:
        store: database.Database | None = None
        while (wishes := self._next()) is not None:
            try:
                store = store or database.Database(layout, create=True, tables=self._tables)
                outcomes = _together(store, wishes, self._tables.store)
            except Exception as error:
                outcomes = [_translated(error, self._tables.store)] * len(wishes)
            self._answer(wishes, outcomes)
        if store is not None:
            store.close()

    def _next(self) -> list[_Wish] | None:
        first = self._wishes.get()
        if first is None:
            return None
        wishes = [first]
        while len(wishes) < _MOST_TOGETHER and not self._wishes.empty():
            another = self._wishes.get()
            if another is None:
                self._wishes.put(None)
                break
            wishes.append(another)
        return wishes

    def _answer(self, wishes: list[_Wish], outcomes: list[Any]) -> None:
        for wish, outcome in zip(wishes, outcomes, strict=True):
            self._loop.call_soon_threadsafe(_settle, wish.answer, outcome)


def _together(store: database.Database, wishes: list[_Wish], name: str) -> list[Any]:
    with store.change(durable=any(wish.durable for wish in wishes)) as db:
        return [_alone(db, wish.operation, name) for wish in wishes]


def _alone(db: sqlite3.Connection, operation: Callable[[sqlite3.Connection], Any], name: str) -> Any:
    db.execute("SAVEPOINT wish")
    try:
        outcome = operation(db)
    except Exception as error:
        if not db.in_transaction:  # SQLite gave up all of it, as it does when the disk is full
            raise
        db.execute("ROLLBACK TO wish")
        outcome = _translated(error, name)
    db.execute("RELEASE wish")
    return outcome


def _translated(error: Exception, name: str) -> Exception:
    if isinstance(error, sqlite3.OperationalError | OSError):
        unavailable = Unavailable(f"The {name} cannot be written: {error}", retry_after=1)
        unavailable.__cause__ = error
        return unavailable
    return error


def _settle(answer: asyncio.Future[Any], outcome: object) -> None:
    if answer.done():  # its caller has gone; the change is made all the same
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
