"""Rows of the store as the API tells them: tasks, log records, runs."""

from __future__ import annotations

import json
import sqlite3
from typing import Any, Final

import orjson

from opsgate.backends.exact import exact
from opsgate.backends.redengine.conditions import clock, durations
from opsgate.backends.redengine.port import JsonObject

TASK: Final = "SELECT * FROM task"
RUN: Final = "SELECT * FROM run"
RETURN_VARIABLE: Final = "return_value"
_TIMES: Final = ("last_run", "last_success", "last_fail", "last_terminate", "last_inaction")
_FLAGS: Final = ("disabled", "force_run", "force_termination", "on_startup", "on_shutdown")
_GIVEN: Final = (
    "description", "start_cond", "end_cond", "execution", "priority",
)  # fmt: skip


def row_factory(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    """Make a row a dictionary."""
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}


def task(row: dict[str, Any]) -> JsonObject:
    """Return a task as the API tells it."""
    return {
        "name": row["name"],
        "class": row["class"],
        "status": row["status"],
        **{name: _time(row[name]) for name in _TIMES},
        **{name: row[name] for name in _GIVEN},
        **{name: bool(row[name]) for name in _FLAGS},
        "timeout": _timeout(row["timeout"]),
        "daemon": None if row["daemon"] is None else bool(row["daemon"]),
        "permanent_task": False,
        "parameters": json.loads(row["parameters"]),
        **json.loads(row["own"]),
        **({"output_variable": RETURN_VARIABLE} if row["class"] == "CodeTask" else {}),
    }


def task_json(row: dict[str, Any]) -> bytes:
    """Return the same as JSON, to be kept."""
    return exact(encode(task(row)))


def definition(row: dict[str, Any]) -> JsonObject:
    """Return the members with which this task is created anew, and its name."""
    left_out = {*_TIMES, "status", "force_run", "force_termination", "permanent_task", "output_variable"}
    return {name: value for name, value in task(row).items() if name not in left_out}


def run(row: dict[str, Any]) -> JsonObject:
    """Return a run as the API tells it."""
    return {
        "run_id": row["run_id"],
        "task_name": row["task_name"],
        "state": row["state"],
        "action": row["action"],
        "reason": row["reason"],
        "requested": _time(row["requested"]),
        "start": _time(row["start"]),
        "end": _time(row["end"]),
        "runtime": None if row["runtime"] is None else durations.write(row["runtime"]),
        "exit_code": row["exit_code"],
        "signal": row["signal"],
        "cause": row["cause"],
        "exc_text": row["exc_text"],
        "return_value": None if row["return_value"] is None else json.loads(row["return_value"]),
    }


def log(number: int, entry: dict[str, Any]) -> str:
    """Return a log record as JSON.

    Args:
        number: Its id.
        entry: `task_name`, `action`, `created`, `start`, `end`, `runtime`, `exc_text`, `run_id`.
    """
    action, name = entry["action"], entry["task_name"]
    failed = action == "fail"
    ended = {} if action == "run" else {"end": _time(entry["end"]), "runtime": durations.write(entry["runtime"])}
    record = {
        "id": number,
        "task_name": name,
        "action": action,
        "timestamp": _time(entry["created"]),
        "created": entry["created"],
        "start": _time(entry["start"]),
        **ended,
        "message": f"Task '{name}' status: '{action}'",
        "levelname": "ERROR" if failed else "INFO",
        "levelno": 40 if failed else 20,
        "exc_text": entry["exc_text"],
        "run_id": entry["run_id"],
    }
    return encode(record).decode()


def encode(value: object) -> bytes:
    """Return a value as JSON; whole numbers of any size, which the quick encoder refuses, included."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else clock.text(seconds)


def _timeout(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return durations.write(seconds) if seconds else "never"
