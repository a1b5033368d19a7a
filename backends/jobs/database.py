"""A connection to the job store, and the transaction that every change of it is.

A change is one transaction that waits for its turn and takes the write lock at its start (BEGIN IMMEDIATE), so what
its conditions saw is still true when it writes. After the commit it rings the bell: it rewrites a small file, which
wakes whoever watches that file. The store's own files would wake them too early, before the commit can be seen.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time

from opsgate.backends.jobs import schema
from opsgate.backends.jobs.layout import Layout
from opsgate.backends.jobs.turn import Turn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import TypeVar

    T = TypeVar("T")

BUSY_SECONDS = 10.0
_READERS_KILOBYTES, _WRITERS_KILOBYTES = 8192, 512
_LARGEST_LEFT_WAL = 64 * 1024 * 1024


class Database:
    """One connection, for one thread of one process: never carried over a fork.

    Args:
        layout: The state directory.
        busy: How long to wait for another process' transaction to end, in seconds.
        create: Whether to make the file if there is none. A runner must not: somebody removed it.
        query_only: Whether any attempt to write is an error.
        tables: What it holds.

    Raises:
        sqlite3.Error: It cannot be opened.
        schema.NewerSchemaError: It belongs to a newer version of this program.
    """

    def __init__(
        self,
        layout: Layout,
        busy: float = BUSY_SECONDS,
        *,
        create: bool = False,
        query_only: bool = False,
        tables: schema.Tables = schema.JOBS,
    ) -> None:
        self.turn = Turn(layout.database, busy)
        try:
            self.connection = self._opened(layout, busy, tables, create=create)
        except BaseException:
            self.turn.close()
            raise
        self._bell = os.open(layout.bell, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if query_only:
            self.connection.execute("PRAGMA query_only = 1")
            self.connection.execute(f"PRAGMA cache_size = -{_READERS_KILOBYTES}")

    def _opened(self, layout: Layout, busy: float, tables: schema.Tables, *, create: bool) -> sqlite3.Connection:
        if not create:
            return _connect(_uri(layout.database, create=False), busy, tables)
        # Two that make a store at once: SQLite lets neither wait when they turn it to WAL, one of them just fails.
        self.turn.take()
        try:
            return _connect(_uri(layout.database, create=True), busy, tables)
        finally:
            self.turn.give()

    def close(self) -> None:
        """Close the connection. Twice does no harm."""
        if self._bell >= 0:
            self.connection.close()
            self.turn.close()
            os.close(self._bell)
            self._bell = -1

    def change(self, *, durable: bool = True) -> Transaction:
        """Return a transaction.

        Args:
            durable: Whether it must survive a power cut once committed; it survives any process' death anyway.
        """
        return Transaction(self, durable=durable)

    def ring(self) -> None:
        """Wake who watches. Its one block is there already: it works on a full disk too."""
        os.pwrite(self._bell, b"%020d\n" % time.monotonic_ns(), 0)


class Transaction:
    """What is executed between `with` and its end takes effect as a whole, or, after an exception, not at all."""

    def __init__(self, database: Database, *, durable: bool) -> None:
        self._database = database
        self._connection = database.connection
        self._durable = durable

    def __enter__(self) -> sqlite3.Connection:
        self._connection.execute("PRAGMA synchronous = FULL" if self._durable else "PRAGMA synchronous = NORMAL")
        self._database.turn.take()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except BaseException:
            self._database.turn.give()
            raise
        self._before = self._connection.total_changes
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        try:
            _end(self._connection, commit=kind is None)
        finally:
            self._database.turn.give()
        if kind is None and self._connection.total_changes != self._before:
            self._database.ring()


def _end(connection: sqlite3.Connection, *, commit: bool) -> None:
    try:
        if commit:
            connection.execute("COMMIT")
    finally:
        roll_back(connection)


def roll_back(connection: sqlite3.Connection) -> None:
    """End a transaction without effect. SQLite has done so by itself after some errors, a full disk for one."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def insist(layout: Layout, attempt: Callable[[], T]) -> T:
    """Repeat something that must be recorded until the store, or the disk below it, takes it.

    A runner has nobody to report a failure to: it stays, and with it the lock that says its job is not over yet.

    Raises:
        sqlite3.Error: The state directory itself is gone, so nobody will ever ask.
        OSError: As above.
    """
    said = ""
    for pause in _growing():
        try:
            return attempt()
        except (sqlite3.OperationalError, OSError) as error:
            if not os.path.exists(layout.database):  # noqa: PTH110 - no pathlib in runners
                raise
            said = _say_once(f"{layout.root}: {error}; trying again\n", said)
            time.sleep(pause)
    raise AssertionError("the pauses do not end")


def _growing() -> Iterator[float]:
    pause = 0.05
    while True:
        yield pause
        pause = min(pause * 2, 2.0)


def _say_once(text: str, said: str) -> str:
    if text != said:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:  # there may be no room for this either
            return said
    return text


def _uri(path: str, *, create: bool) -> str:
    for character, escape in (("%", "%25"), ("?", "%3f"), ("#", "%23")):
        path = path.replace(character, escape)
    return f"file:{path}?mode={'rwc' if create else 'rw'}"


def _connect(uri: str, busy: float, tables: schema.Tables) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=busy, isolation_level=None, cached_statements=256)
    try:
        _prepare(connection, tables)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, tables: schema.Tables) -> None:
    if schema.version_of(connection) == 0:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = 1")
    connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_LEFT_WAL}")
    connection.execute(f"PRAGMA cache_size = -{_WRITERS_KILOBYTES}")
    schema.migrate(connection, tables)
