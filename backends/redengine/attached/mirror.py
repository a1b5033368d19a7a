"""What a session says as tables in memory, the same as those of our own: so the query language is the same."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from opsgate.backends.redengine import changes, query, reading, records
from opsgate.backends.redengine.query import Field
from opsgate.backends.redengine.schema import TABLES

if TYPE_CHECKING:
    from opsgate.backends.redengine.port import Filters, JsonObject, LogPage, Page

_COLUMNS: Final = (
    "name", "class", "description", "start_cond", "end_cond", "disabled", "execution", "priority", "timeout", "daemon",
    "on_startup", "on_shutdown", "force_run", "force_termination", "status", "last_run", "last_success", "last_fail",
    "last_terminate", "last_inaction",
)  # fmt: skip
_DEPENDENCIES: Final = {name: Field("text", name) for name in ("parent", "child", "relation", "type")}


def tables() -> sqlite3.Connection:
    """Return empty tables in memory."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    query.install(db)
    for step in TABLES.steps:
        for statement in step:
            db.execute(statement)
    return db


def put_tasks(db: sqlite3.Connection, told: Iterable[JsonObject]) -> None:
    """Put tasks into the tables."""
    for task in told:
        columns = {name: task[name] for name in _COLUMNS} | {
            "execution": task["execution"] or "process",
            "parameters": json.dumps(task["parameters"]),
            "own": json.dumps(task["own"]),
            "active": "running" if task["is_alive"] else None,
            "change": 1,
        }
        marks = ", ".join("?" * len(columns))
        db.execute(f"INSERT INTO task ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values()))  # noqa: S608


def put_records(db: sqlite3.Connection, told: Iterable[JsonObject]) -> None:
    """Put log records into the tables."""
    for record in told:
        entry = _entry(record)
        body = records.log(record["id"], entry)
        shown = json.loads(body)
        db.execute(
            "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                record["id"], entry["task_name"], entry["action"], entry["created"], shown["timestamp"],
                shown["start"], shown.get("end"), entry["runtime"], entry["run_id"], body,
            ),
        )  # fmt: skip


def find_tasks(db: sqlite3.Connection, filters: Filters) -> list[dict[str, Any]]:
    """Return the rows of the tasks a query is for; `Invalid`."""
    where = query.compile_query(filters, query.TASK_FIELDS)
    return changes.rows(db, f"SELECT * FROM task WHERE {where.sql} ORDER BY seq", where.values)  # noqa: S608


def find_records(db: sqlite3.Connection, filters: Filters, page: Page) -> LogPage:
    """Return the log records a query is for; `Invalid`."""
    return reading.log_page(db, query.compile_query(filters, query.LOG_FIELDS), page)


def find_dependencies(db: sqlite3.Connection, told: list[JsonObject], filters: Filters) -> list[dict[str, Any]]:
    """Return the dependencies a query is for; `Invalid`."""
    where = query.compile_query(filters, _DEPENDENCIES)
    db.execute("CREATE TEMP TABLE told (parent, child, relation, type)")
    db.executemany("INSERT INTO told VALUES (:parent, :child, :relation, :type)", told)
    return changes.rows(db, f"SELECT * FROM told WHERE {where.sql} ORDER BY rowid", where.values)  # noqa: S608


def _entry(record: JsonObject) -> JsonObject:
    created = round(record["created"], 6)
    start = round(record["start"] or created, 6)
    is_run = record["action"] == "run"
    action = "fail" if record["action"] == "crash" else record["action"]
    end = None if is_run else round(record["end"] or created, 6)
    runtime = None if end is None else round(record["runtime"] if record["runtime"] is not None else end - start, 6)
    return record | {
        "action": action, "created": created, "start": start, "end": end,
        "runtime": None if runtime is None else max(0.0, runtime),
    }  # fmt: skip
