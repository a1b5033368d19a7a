"""How the engine is opened, and what that leaves in the state directory for runners to read."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opsgate.backends.jobs import database, queue

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from opsgate.backends.jobs.executor import Executor
    from opsgate.backends.jobs.housekeeping import Keep
    from opsgate.backends.jobs.layout import Layout


@dataclass(frozen=True, slots=True)
class Settings:
    """How to open the engine.

    Args:
        root: The state directory.
        cores: What a queue may use; as many as this process may, if not given; 0 for any number.
        queues: The same for single queues, by name.
        keep: How long finished jobs are kept, by API; for ever if not given.
        interpreter: The Python for runners and Python jobs.
        hand_on: Names of environment variables of ours that jobs get, beside the usual few.
        executors: Further executors, by name.
        seconds_between_tidying: How often to look for what was lost, what may start, what is too old.
    """

    root: Path
    cores: int | None = None
    queues: Mapping[str, int] = field(default_factory=dict)
    keep: Mapping[str, Keep] = field(default_factory=dict)
    interpreter: str = sys.executable
    hand_on: tuple[str, ...] = ()
    executors: Mapping[str, Executor] = field(default_factory=dict)
    seconds_between_tidying: float = 5.0


def prepare(layout: Layout, settings: Settings) -> None:
    """Make the state directory and its store, if need be, and write the limits down. Blocks.

    Raises:
        sqlite3.Error, OSError: It cannot be written.
        schema.NewerSchemaError: It belongs to a newer version of this program.
    """
    layout.create()
    opened = database.Database(layout, create=True)
    limits = dict(settings.queues) | ({} if settings.cores is None else {queue.DEFAULT: settings.cores})
    try:
        with opened.change() as db:
            db.execute("DELETE FROM limits")
            db.executemany("INSERT INTO limits VALUES (?, ?)", limits.items())
    finally:
        opened.close()
