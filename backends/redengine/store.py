"""The store of one process, opened when it is first needed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from opsgate.backends.calls import Calls
from opsgate.backends.jobs.writer import Writer
from opsgate.backends.redengine.reading import Reader
from opsgate.backends.redengine.schema import TABLES
from opsgate.backends.redengine.state import StateDir, prepare, reading

if TYPE_CHECKING:
    from pathlib import Path

T = TypeVar("T")


class Opened(NamedTuple):
    """An open store: one that reads, one that writes."""

    reader: Reader
    writer: Writer


class Store:
    """Opens the store once per event loop; calling it gives what is open.

    Args:
        root: The state directory.

    Attributes:
        calls: Counts the changes.
    """

    def __init__(self, root: Path) -> None:
        self.calls = Calls("redengine")
        self.state = StateDir(root)
        self._lock = asyncio.Lock()
        self._opened: Opened | None = None

    async def __call__(self) -> Opened:
        """Return it; `Unavailable`, `Unsupported`."""
        if self._opened is None:
            async with self._lock:
                if self._opened is None:
                    await asyncio.to_thread(prepare, self.state)
                    with reading():
                        self._opened = Opened(Reader(self.state), Writer(self.state, TABLES, self.calls))
        return self._opened

    async def do(self, operation: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        """Make a change: see `Writer.do`."""
        return await (await self()).writer.do(operation, durable=durable)

    async def aclose(self) -> None:
        """Make the changes that wait, and close it."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.writer.close()
            await opened.reader.close()
