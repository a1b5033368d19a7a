"""Reading the store: finished JSON is kept for as long as nothing has changed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from opsgate.backends.exact import exact
from opsgate.backends.jobs import database
from opsgate.backends.redengine import changes, query, records
from opsgate.backends.redengine.port import Document, LogPage
from opsgate.backends.redengine.schema import TABLES
from opsgate.backends.redengine.state import reading

if TYPE_CHECKING:
    from opsgate.backends.redengine.port import Filters, Page
    from opsgate.backends.redengine.query import Where
    from opsgate.backends.redengine.state import StateDir

_INDEXED: Final = frozenset({"task_name", "action", "run_id", "id"})
"""Fields of the log whose values are looked up at once."""
_ORDERED: Final = _INDEXED | {"timestamp"}
"""Fields of the log by which an index tells at once that there is no record."""


class Reader:
    """Reads in the event loop's thread what is quick, and in other threads what is not.

    Args:
        state: The state directory.
    """

    def __init__(self, state: StateDir) -> None:
        self._state = state
        self._store = _open(state)
        self._thread = ThreadPoolExecutor(1, "red-engine-log")
        self._log: database.Database | None = None
        self._tasks = _Tasks(self.db)
        self._kept: dict[str, tuple[int, Document]] = {}
        self.identity = int(self.db.execute("PRAGMA application_id").fetchone()[0])

    @property
    def db(self) -> sqlite3.Connection:
        """A connection to read with, in this thread."""
        return self._store.connection

    async def close(self) -> None:
        """Close what is open."""
        if self._log is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._log.close)
        self._thread.shutdown()
        self._store.close()

    def change(self) -> int:
        """Return the number of the last change."""
        return int(self.db.execute("SELECT change FROM counter").fetchone()[0])

    def kept(self, name: str, make: Callable[[sqlite3.Connection], object]) -> Document:
        """Return a document that is made anew when something has changed since it was."""
        with reading():
            change = self.change()
            found = self._kept.get(name)
            if found is None or found[0] != change:
                self._kept[name] = found = change, self._document(exact(records.encode(make(self.db))), change)
            return found[1]

    def task(self, name: str) -> Document:
        """Return a task; `NotFound`."""
        with reading():
            change = self.change()
            body = self._tasks.get(name, change)
            if body is None:
                changes.get(self.db, name)
            return self._document(body or b"", change)

    def tasks(self, filters: Filters) -> Document:
        """Return the tasks a query is for."""
        with reading():
            change = self.change()
            if not filters:
                return self._document(self._tasks.all(change), change)
            where = query.compile_query(filters, query.TASK_FIELDS)
            found = self.db.execute(f"SELECT seq FROM task WHERE {where.sql} ORDER BY seq", where.values)  # noqa: S608
            return self._document(self._tasks.some([seq for (seq,) in found], change), change)

    def dependencies(self, filters: Filters) -> Document:
        """Return the dependencies a query is for."""
        where = query.compile_query(filters, query.DEPENDENCY_FIELDS)
        statement = (
            "SELECT parent, task.name AS child, relation, type FROM dependency JOIN task ON task.seq = child "  # noqa: S608
            f"WHERE {where.sql} ORDER BY child, position"
        )
        with reading():
            change = self.change()
            return self._document(records.encode(changes.rows(self.db, statement, where.values)), change)

    async def logs(self, filters: Filters, page: Page) -> LogPage:
        """Return the log records a query is for."""
        where = query.compile_query(filters, query.LOG_FIELDS)
        is_quick = where.is_exact and bool(where.fields) and where.fields <= _INDEXED
        with reading():
            if is_quick and not _has_any(self.db, where):
                return LogPage(b"[]", None)
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._logs, where, page)

    def _logs(self, where: Where, page: Page) -> LogPage:
        if self._log is None:
            self._log = _open(self._state)
        return log_page(self._log.connection, where, page)

    def _document(self, body: bytes, change: int) -> Document:
        return Document(body, f"{self.identity:x}.{change}")


class _Tasks:
    """Tasks as JSON, each made anew when it has changed."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._seen = -1
        self._bodies: dict[int, bytes] = {}
        self._names: dict[str, int] = {}
        self._named: dict[int, str] = {}
        self._all: bytes | None = None

    def get(self, name: str, change: int) -> bytes | None:
        self._refresh(change)
        seq = self._names.get(name)
        return None if seq is None else self._bodies[seq]

    def all(self, change: int) -> bytes:
        self._refresh(change)
        if self._all is None:
            self._all = b"[%b]" % b",".join(self._bodies.values())
        return self._all

    def some(self, seqs: list[int], change: int) -> bytes:
        self._refresh(change)
        return b"[%b]" % b",".join(self._bodies[seq] for seq in seqs if seq in self._bodies)

    def _refresh(self, change: int) -> None:
        if change == self._seen:
            return
        gone = changes.gone(self._db, self._seen, self._bodies)
        fresh = changes.rows(self._db, f"{records.TASK} WHERE change > ? ORDER BY seq", (self._seen,))
        for seq in [*gone, *(row["seq"] for row in fresh)]:
            self._forget_name(seq)
        for seq in gone:
            self._bodies.pop(seq, None)
        for row in fresh:
            self._bodies[row["seq"]] = records.task_json(row)  # new ones have the highest numbers: the order holds
            self._names[row["name"]], self._named[row["seq"]] = row["seq"], row["name"]
        if gone or fresh:
            self._all = None
        self._seen = change

    def _forget_name(self, seq: int) -> None:
        name = self._named.pop(seq, None)
        if name is not None and self._names.get(name) == seq:
            del self._names[name]


def _open(state: StateDir) -> database.Database:
    store = database.Database(state, busy=1.0, query_only=True, tables=TABLES)
    query.install(store.connection)
    return store


def _has_any(db: sqlite3.Connection, where: Where) -> bool:
    statement = f"SELECT 1 FROM log WHERE {where.sql} LIMIT 1"  # noqa: S608 - made by compile_query
    return db.execute(statement, where.values).fetchone() is not None


def log_page(db: sqlite3.Connection, where: Where, page: Page) -> LogPage:
    """Return the log records a query is for, from the table `log` of a connection."""
    if where.fields and where.fields <= _ORDERED and not _has_any(db, where):  # the order below means to read them all
        return LogPage(b"[]", None)
    # SQLite puts the array together: it does so without holding up Python's other threads.
    after = "" if page.after_id is None else f" AND id {'<' if page.newest_first else '>'} {int(page.after_id)}"
    order, last = ("DESC", "min") if page.newest_first else ("ASC", "max")
    limit = -1 if page.limit is None else page.limit
    number, last_id, body = db.execute(
        f"""
        SELECT count(*), {last}(id), CAST('[' || group_concat(body, ',') || ']' AS BLOB)
        FROM (SELECT id, body FROM log WHERE {where.sql}{after} ORDER BY id {order} LIMIT ? OFFSET ?)
        """,  # noqa: S608 - made by compile_query
        (*where.values, limit, page.offset),
    ).fetchone()
    is_last = limit < 0 or number < limit or limit == 0
    return LogPage(body or b"[]", None if is_last else last_id)
