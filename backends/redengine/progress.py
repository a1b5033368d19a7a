"""What the scheduler records: a run handed over, begun, over. Each in one transaction with its log record.

waiting (asked for by a client) --+
                                  +--> queued --> running --> ended
a condition holds ----------------+
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from opsgate.backends.jobs.states import Cause
from opsgate.backends.redengine import changes, records

if TYPE_CHECKING:
    from opsgate.backends.jobs.model import Job

Reason = Literal["schedule", "force_run", "startup", "shutdown"]
_INACTION: Final = "TaskInactionException"
"""The class of Red Engine's exception by which a task says that there was nothing to do."""
_CALLER: Final = "/opsgate/backends/jobs/child/"
_LONGEST_TEXT: Final = 65536
_LOST: Final = "The run was cut off: its processes, or the machine, went away"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended."""

    action: Literal["success", "fail", "terminate", "inaction"]
    start: float
    end: float
    runtime: float
    exit_code: int | None = None
    signal: int | None = None
    cause: str | None = None
    exc_text: str | None = None
    return_value: str | None = None


def hand_over(db: sqlite3.Connection, row: dict[str, Any], reason: Reason) -> str | None:
    """Note that a task is to run now; return the run's id, None where it runs already or is gone.

    Args:
        db: A connection inside a transaction.
        row: The task.
        reason: Why. A run that was asked for is used up by any.
    """
    present = changes.rows(db, f"{records.TASK} WHERE seq = ? AND active IS NULL", (row["seq"],))
    if not present:
        return None
    waiting = db.execute("SELECT run_id FROM run WHERE task = ? AND state = 'waiting'", (row["seq"],)).fetchone()
    run_id = changes.insert_run(db, present[0], reason, "queued") if waiting is None else str(waiting[0])
    db.execute("UPDATE run SET state = 'queued', task_name = ? WHERE run_id = ?", (present[0]["name"], run_id))
    db.execute(
        "UPDATE task SET active = ?, force_run = 0, change = ? WHERE seq = ?", (run_id, changes.bump(db), row["seq"])
    )
    return run_id


def begun(db: sqlite3.Connection, run_id: str, start: float) -> None:
    """Record that a run has begun, unless that is recorded."""
    found = changes.rows(db, f"{records.RUN} WHERE run_id = ? AND state = 'queued'", (run_id,))
    if not found:
        return
    db.execute("UPDATE run SET state = 'running', start = ? WHERE run_id = ?", (start, run_id))
    db.execute(
        "UPDATE task SET status = 'run', last_run = ?, change = ? WHERE seq = ?",
        (start, changes.bump(db), found[0]["task"]),
    )
    _write_log(db, found[0], "run", start)


def ask_to_end(db: sqlite3.Connection, tasks: list[dict[str, Any]]) -> None:
    """Note that the present runs of these tasks are to end, if they are not over."""
    for task in tasks:
        for row in changes.rows(db, f"{records.TASK} WHERE seq = ? AND active IS ?", (task["seq"], task["active"])):
            changes.ask_to_end(db, row)


def ended(db: sqlite3.Connection, run_id: str, ending: Ending) -> None:
    """Record how a run ended, unless that is recorded."""
    begun(db, run_id, ending.start)
    found = changes.rows(db, f"{records.RUN} WHERE run_id = ? AND state = 'running'", (run_id,))
    if not found:
        return
    db.execute(
        """
        UPDATE run SET state = 'ended', "end" = ?, runtime = ?, action = ?, exit_code = ?, signal = ?, cause = ?,
            exc_text = ?, return_value = ? WHERE run_id = ?
        """,
        (
            ending.end, ending.runtime, ending.action, ending.exit_code, ending.signal, ending.cause,
            ending.exc_text, ending.return_value, run_id,
        ),
    )  # fmt: skip
    db.execute(
        f"UPDATE task SET status = ?, last_{ending.action} = ?, active = NULL, force_termination = 0, change = ? "  # noqa: S608
        "WHERE seq = ? AND active = ?",
        (ending.action, ending.end, changes.bump(db), found[0]["task"], run_id),
    )
    _write_log(db, found[0], ending.action, ending.start, ending)
    is_there = db.execute("SELECT 1 FROM task WHERE seq = ?", (found[0]["task"],)).fetchone()
    if ending.action == "success" and ending.return_value is not None and is_there:
        changes.put_settings(db, "return", {found[0]["task_name"]: ending.return_value})


def of_job(job: Job, now: float) -> Ending:
    """Return how a run ended whose job is finished. What a command wrote is its return value, which is added later."""
    end = round(job.finished_at or now, 6)
    start = round(min(job.started_at or end, end), 6)
    runtime = round(end - start if job.seconds_run is None else job.seconds_run, 6)
    exception = job.ending.get("exception") or {}
    return Ending(
        action=_action(job, exception),
        start=start,
        end=end,
        runtime=runtime,
        exit_code=job.exit_code,
        signal=job.signal,
        cause=job.cause,
        exc_text=_exc_text(job, exception),
        return_value=json.dumps(job.ending["result"], ensure_ascii=False) if "result" in job.ending else None,
    )


def lost(run: dict[str, Any], now: float) -> Ending:
    """Return how a run ended whose job is not there any more."""
    start = run["start"] or now
    return Ending("fail", start, now, round(max(0.0, now - start), 6), cause=Cause.LOST, exc_text=_LOST)


def _action(job: Job, exception: dict[str, Any]) -> Literal["success", "fail", "terminate", "inaction"]:
    if job.cause in (Cause.CANCELLED, Cause.TIMEOUT):
        return "terminate"
    if job.cause is None and job.exit_code == 0:
        return "success"
    return "inaction" if str(exception.get("type", "")).rpartition(".")[2] == _INACTION else "fail"


def _exc_text(job: Job, exception: dict[str, Any]) -> str | None:
    if _action(job, exception) != "fail":
        return None
    if exception.get("traceback"):
        return _own_frames(str(exception["traceback"]))[-_LONGEST_TEXT:]
    if job.cause in (Cause.LOST, Cause.INTERRUPTED):
        return _LOST
    if job.ending.get("error"):
        return f"OSError: {job.ending['error']}"
    return f"OSError: the process died of signal {job.signal}" if job.signal else f"OSError: exit code {job.exit_code}"


def _own_frames(traceback: str) -> str:
    """The traceback without the frames of what called the task's code."""
    kept, is_ours = [], False
    for line in traceback.splitlines(keepends=True):
        if line.startswith('  File "') or not line.startswith("    "):
            is_ours = line.startswith('  File "') and _CALLER in line
        if not is_ours:
            kept.append(line)
    return "".join(kept)


def _write_log(
    db: sqlite3.Connection, run: dict[str, Any], action: str, start: float, ending: Ending | None = None
) -> None:
    number = int(db.execute("SELECT coalesce(max(id), 0) + 1 FROM log").fetchone()[0])
    entry = {
        "task_name": run["task_name"],
        "action": action,
        "created": start if ending is None else ending.end,
        "start": start,
        "end": ending and ending.end,
        "runtime": ending and ending.runtime,
        "exc_text": ending and ending.exc_text,
        "run_id": run["run_id"],
    }
    body = records.log(number, entry)
    told = json.loads(body)
    db.execute(
        "INSERT INTO log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            number, run["task_name"], action, entry["created"], told["timestamp"], told["start"], told.get("end"),
            entry["runtime"], run["run_id"], body,
        ),
    )  # fmt: skip


def old_runs(db: sqlite3.Connection, keep: int) -> list[str]:
    """Return the ids of runs that are too many: all but the newest of each task, and of all deleted ones together."""
    found = db.execute(
        """
        SELECT run_id FROM (
            SELECT run_id, state, row_number() OVER (
                PARTITION BY CASE WHEN task IN (SELECT seq FROM task) THEN task END ORDER BY seq DESC
            ) AS place FROM run
        ) WHERE state = 'ended' AND place > ?
        """,
        (keep,),
    )
    return [run_id for (run_id,) in found]


def forget(db: sqlite3.Connection, run_ids: list[str], keep_records: int) -> None:
    """Remove runs whose jobs are gone, the oldest log records, and what tells of tasks that were deleted long ago."""
    db.executemany("DELETE FROM run WHERE run_id = ?", [(run_id,) for run_id in run_ids])
    db.execute("DELETE FROM log WHERE id <= (SELECT max(id) FROM log) - ?", (keep_records,))
    changes.forget_gone(db)
