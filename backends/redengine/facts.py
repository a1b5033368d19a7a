"""What conditions ask about, from the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opsgate.backends.redengine import changes

if TYPE_CHECKING:
    import sqlite3

    from opsgate.backends.redengine.conditions.terms import Action


class StoredFacts:
    """Facts as the store has them now.

    Args:
        db: A connection.
        started: When the scheduler was started.
    """

    def __init__(self, db: sqlite3.Connection, started: float) -> None:
        self._db = db
        self._started = started

    def last(self, task: str, action: Action) -> float | None:
        """See `terms.Facts`."""
        found = self._db.execute(f"SELECT last_{action} FROM task WHERE name = ?", (task,)).fetchone()  # noqa: S608
        return None if found is None else found[0]

    def has_record(self, task: str, actions: tuple[Action, ...], start: float, end: float) -> bool:
        """See `terms.Facts`."""
        return has_record(self._db, task, actions, start, end)

    def is_running(self, task: str) -> bool:
        """See `terms.Facts`."""
        found = self._db.execute("SELECT active IS NOT NULL FROM task WHERE name = ?", (task,)).fetchone()
        return bool(found and found[0])

    def parameters(self) -> Mapping[str, Any]:
        """See `terms.Facts`."""
        return changes.settings(self._db, "parameter")

    def started(self) -> float:
        """See `terms.Facts`."""
        return self._started


def has_record(db: sqlite3.Connection, task: str, actions: tuple[Action, ...], start: float, end: float) -> bool:
    """Tell whether the log has one of these of this time, both ends included."""
    statement = "SELECT 1 FROM log WHERE task_name = ? AND action = ? AND created BETWEEN ? AND ? LIMIT 1"
    return any(db.execute(statement, (task, action, start, end)).fetchone() is not None for action in actions)
