"""Where things lie below the state directory.

<root>/                0700
    redengine.db       tasks, session, runs, log (with -wal and -shm beside it)
    bell               rewritten after every change: what the scheduler watches
    scheduler          its lock; in it, every few seconds, what it is about
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from opsgate.backends.errors import Unavailable, Unsupported
from opsgate.backends.jobs import database
from opsgate.backends.jobs.layout import Layout
from opsgate.backends.jobs.schema import NewerSchemaError
from opsgate.backends.redengine.schema import TABLES

if TYPE_CHECKING:
    from pathlib import Path


class StateDir(Layout):
    """The paths below one state directory.

    Args:
        root: The directory.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(str(root))
        self.database = self.root + "/redengine.db"
        self.scheduler = self.root + "/scheduler"


def prepare(state: StateDir) -> None:
    """Make the directory and its store, if need be. Blocks.

    Raises:
        Unavailable: It cannot be written.
        Unsupported: It belongs to a newer version of this program.
    """
    try:
        state.create()
        database.Database(state, create=True, tables=TABLES).close()
    except NewerSchemaError as error:
        raise Unsupported(str(error)) from error
    except (sqlite3.Error, OSError) as error:
        raise Unavailable(f"The Red Engine store in {state.root} cannot be opened: {error}", retry_after=1) from error


class reading:  # noqa: N801 - used like a function
    """Tells failures of the store by their meaning."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, sqlite3.Error | OSError):
            raise Unavailable(f"The Red Engine store cannot be read: {error}", retry_after=1) from error
