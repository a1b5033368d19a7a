"""What clients change. All functions take a connection inside a transaction, and number what they change."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable
from typing import Any, Final, Literal

from opsgate.backends.errors import NotFound
from opsgate.backends.redengine import records
from opsgate.backends.redengine.conditions import parser
from opsgate.backends.redengine.conditions.links import links
from opsgate.backends.redengine.members import Columns

Row = dict[str, Any]
Kind = Literal["parameter", "config", "return"]
CONFIG: Final[dict[str, Any]] = {
    "use_instance_naming": False,
    "task_priority": 0,
    "task_execution": "process",
    "task_pre_exist": "raise",
    "force_status_from_logs": False,
    "task_logger_basename": "redengine.task",
    "scheduler_logger_basename": "redengine.scheduler",
    "silence_task_prerun": True,
    "silence_cond_check": True,
    "cycle_sleep": None,
    "debug": False,
}
_KEPT_GONE: Final = 1000
_ACTIONS: Final = ("run", "success", "fail", "terminate", "inaction")


def rows(db: sqlite3.Connection, statement: str, values: Iterable[Any] = ()) -> list[Row]:
    """Return what a statement finds, each row a dictionary."""
    cursor = db.cursor()
    cursor.row_factory = records.row_factory
    return cursor.execute(statement, tuple(values)).fetchall()


def now() -> float:
    """Return the time as it is stored."""
    return round(time.time(), 6)


def bump(db: sqlite3.Connection) -> int:
    """Return the number of a change that is being made."""
    return int(db.execute("UPDATE counter SET change = change + 1 RETURNING change").fetchone()[0])


def find(db: sqlite3.Connection, name: str) -> Row | None:
    """Return a task; None if there is none of this name."""
    found = rows(db, f"{records.TASK} WHERE name = ?", (name,))
    return found[0] if found else None


def get(db: sqlite3.Connection, name: str) -> Row:
    """Return a task.

    Raises:
        NotFound: There is none of this name.
    """
    row = find(db, name)
    if row is None:
        raise NotFound(f"There is no task {name!r}")
    return row


def get_run(db: sqlite3.Connection, run_id: str) -> Row:
    """Return a run.

    Raises:
        NotFound: There is none with this id.
    """
    found = rows(db, f"{records.RUN} WHERE run_id = ?", (run_id,))
    if not found:
        raise NotFound(f"There is no run {run_id!r}")
    return found[0]


def config(db: sqlite3.Connection) -> dict[str, Any]:
    """Return the session's configuration."""
    return CONFIG | settings(db, "config")


def settings(db: sqlite3.Connection, kind: Kind) -> dict[str, Any]:
    """Return all settings of a kind, in the order in which they came."""
    found = db.execute("SELECT name, value FROM setting WHERE kind = ? ORDER BY rowid", (kind,))
    return {name: json.loads(value) for name, value in found}


def put_settings(db: sqlite3.Connection, kind: Kind, values: dict[str, str]) -> None:
    """Set some settings of a kind, given as JSON."""
    _bump_kind(db, kind)
    db.executemany(
        "INSERT INTO setting VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value",
        [(kind, name, value) for name, value in values.items()],
    )


def clear_settings(db: sqlite3.Connection, kind: Kind) -> None:
    """Remove all settings of a kind."""
    _bump_kind(db, kind)
    db.execute("DELETE FROM setting WHERE kind = ?", (kind,))


def insert_task(db: sqlite3.Connection, name: str, columns: Columns) -> None:
    """Add a task. It goes on where the log says that one of this name left off, as in Red Engine."""
    columns = dict(columns)
    force_run = columns.pop("force_run", False)
    values = columns | _past(db, name) | {"name": name, "change": bump(db)}
    seq = db.execute(
        f"INSERT INTO task ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",  # noqa: S608 - our own names
        tuple(values.values()),
    ).lastrowid
    _put_links(db, int(seq or 0), values["start_cond"])
    if force_run:
        request_run(db, get(db, name))


def update_task(db: sqlite3.Connection, row: Row, columns: Columns) -> None:
    """Change some columns of a task."""
    columns = dict(columns)
    force_run = columns.pop("force_run", None)
    values = columns | {"change": bump(db)}
    assigned = ", ".join(f"{column} = ?" for column in values)
    db.execute(f"UPDATE task SET {assigned} WHERE seq = ?", (*values.values(), row["seq"]))  # noqa: S608 - as above
    if "start_cond" in columns:
        _put_links(db, row["seq"], columns["start_cond"])
    if force_run is True:
        request_run(db, row)
    elif force_run is False:
        call_off(db, row)


def delete_task(db: sqlite3.Connection, row: Row) -> None:
    """Remove a task; its present run is to end, one that is asked for does not take place. The log stays."""
    call_off(db, row)
    if row["active"] is not None:
        ask_to_end(db, row)
    db.execute("INSERT INTO gone VALUES (?, ?)", (row["seq"], bump(db)))
    db.execute("DELETE FROM task WHERE seq = ?", (row["seq"],))


def gone(db: sqlite3.Connection, seen: int, known: Iterable[int]) -> list[int]:
    """Return the tasks that were deleted after the change `seen`, and may have been known before.

    Only the latest of them are told, see `forget_gone`: who has not looked for so long compares all that it knows.
    """
    oldest = db.execute("SELECT min(change) FROM gone").fetchone()[0]
    if oldest is None:
        return []
    if oldest <= seen:
        return [seq for (seq,) in db.execute("SELECT seq FROM gone WHERE change > ?", (seen,))]
    there = {seq for (seq,) in db.execute("SELECT seq FROM task")}
    return [seq for seq in known if seq not in there]


def forget_gone(db: sqlite3.Connection, keep: int = _KEPT_GONE) -> None:
    """Forget all but the latest deleted tasks: one at least must be told, or nobody would know of any."""
    oldest = "SELECT change FROM gone ORDER BY change DESC LIMIT 1 OFFSET ?"
    db.execute(f"DELETE FROM gone WHERE change < ({oldest})", (keep - 1,))  # noqa: S608 - our own


def request_run(db: sqlite3.Connection, row: Row) -> str:
    """Ask for one run of a task, unless somebody has; return its id."""
    waiting = db.execute("SELECT run_id FROM run WHERE task = ? AND state = 'waiting'", (row["seq"],)).fetchone()
    if waiting is not None:
        return str(waiting[0])
    db.execute("UPDATE task SET force_run = 1, change = ? WHERE seq = ?", (bump(db), row["seq"]))
    return insert_run(db, row, "force_run", "waiting")


def insert_run(db: sqlite3.Connection, row: Row, reason: str, state: str) -> str:
    """Note a run of a task; return its id."""
    run_id = uuid.uuid4().hex
    db.execute(
        "INSERT INTO run (run_id, task, task_name, reason, state, requested) VALUES (?, ?, ?, ?, ?, ?)",
        (run_id, row["seq"], row["name"], reason, state, now()),
    )
    return run_id


def call_off(db: sqlite3.Connection, row: Row) -> None:
    """Forget the run that is asked for, if there is one; whoever knows its id finds it ended."""
    db.execute(
        """
        UPDATE run SET state = 'ended', stop = 1, action = 'terminate', cause = 'cancelled', "end" = ?
        WHERE task = ? AND state = 'waiting'
        """,
        (now(), row["seq"]),
    )
    db.execute("UPDATE task SET force_run = 0, change = ? WHERE seq = ?", (bump(db), row["seq"]))


def ask_to_end(db: sqlite3.Connection, row: Row) -> None:
    """Note that the present run of a task is to end."""
    db.execute("UPDATE run SET stop = 1 WHERE run_id = ?", (row["active"],))
    db.execute("UPDATE task SET force_termination = 1, change = ? WHERE seq = ?", (bump(db), row["seq"]))


def _bump_kind(db: sqlite3.Connection, kind: Kind) -> None:
    change = bump(db)
    if kind == "parameter":
        db.execute("UPDATE counter SET parameters = ?", (change,))


def _put_links(db: sqlite3.Connection, seq: int, start_cond: str) -> None:
    db.execute("DELETE FROM dependency WHERE child = ?", (seq,))
    db.executemany(
        "INSERT INTO dependency VALUES (?, ?, ?, ?, ?)",
        [(seq, position, *link) for position, link in enumerate(links(parser.parse(start_cond)))],
    )


def _past(db: sqlite3.Connection, name: str) -> dict[str, Any]:
    last = {action: _last(db, name, action) for action in _ACTIONS}
    newest = db.execute("SELECT action FROM log WHERE task_name = ? ORDER BY id DESC LIMIT 1", (name,)).fetchone()
    return {f"last_{action}": created for action, created in last.items()} | {
        "status": None if newest is None or newest[0] == "run" else newest[0]
    }


def _last(db: sqlite3.Connection, name: str, action: str) -> float | None:
    found: tuple[float | None] = db.execute(
        "SELECT max(created) FROM log WHERE task_name = ? AND action = ?", (name, action)
    ).fetchone()
    return found[0]
