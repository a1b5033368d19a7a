"""What a job waits for before it enters its queue: that other jobs began or ended, or that it is released.

A trigger marks what is settled as soon as the other job is there (`schema`), whoever brought it there. What follows
from it is done here, whenever somebody asks who is next in a queue: at the latest when housekeeping does.
"""

from __future__ import annotations

from opsgate.backends.jobs import transitions
from opsgate.backends.jobs.states import Cause, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

HOLD = "hold"
_SETTLED = """
    SELECT awaited.seq, awaited.other, awaited.how, job.id, other.began,
        other.exit_code = 0 AND other.cause IS NULL AND other.killed = 0
    FROM awaited INDEXED BY awaited_settled JOIN job USING (seq) LEFT JOIN job AS other ON other.id = awaited.other
    WHERE awaited.settled = 1
"""


def add(db: sqlite3.Connection, seq: int, other: str, how: str) -> bool:
    """Let a created job wait for another one.

    Args:
        db: A connection inside a transaction.
        seq: The job's number.
        other: The other one's id.
        how: Until it began (`start`), ended (`end`), ended well (`success`), or otherwise (`failure`).

    Returns:
        False if there is no such other job.
    """
    row = db.execute("SELECT state FROM job WHERE id = ?", (other,)).fetchone()
    if row is None:
        return False
    settled = row[0] == State.FINISHED or (how == "start" and row[0] == State.RUNNING)
    db.execute("INSERT INTO awaited VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", (seq, other, how, settled))
    db.execute("UPDATE job SET awaits = (SELECT count(*) FROM awaited WHERE seq = :seq) WHERE seq = :seq", {"seq": seq})
    return True


def hold(db: sqlite3.Connection, seq: int) -> None:
    """Let a created job wait until it is released."""
    db.execute("INSERT INTO awaited VALUES (?, '', ?, 0) ON CONFLICT DO NOTHING", (seq, HOLD))


def release(db: sqlite3.Connection, seq: int) -> bool:
    """Take back `hold`; return whether there was one."""
    return db.execute("UPDATE awaited SET settled = 1 WHERE seq = ? AND how = ?", (seq, HOLD)).rowcount == 1


def holds_back(db: sqlite3.Connection, job_id: str) -> bool:
    """Tell whether there is anything that a job waits for before it may enter its queue."""
    return db.execute("SELECT 1 FROM awaited JOIN job USING (seq) WHERE id = ?", (job_id,)).fetchone() is not None


def settle(db: sqlite3.Connection) -> None:
    """Put jobs into their queues that wait for nothing more, and end those that wait in vain."""
    while rows := db.execute(_SETTLED).fetchall():
        for seq, other, how, job_id, began, well in rows:
            if _is_as_wanted(how, began, well):
                db.execute("DELETE FROM awaited WHERE seq = ? AND other = ? AND how = ?", (seq, other, how))
                _go_on(db, seq, job_id)
            else:
                db.execute("DELETE FROM awaited WHERE seq = ?", (seq,))
                transitions.finish(db, job_id, None, _in_vain(other, how))


def _is_as_wanted(how: str, began: int | None, well: int | None) -> bool:
    """Tell whether the other job came to what was waited for; one that was deleted ended, and not well."""
    return {"start": began is not None, "success": bool(well), "failure": not well}.get(how, True)


def _go_on(db: sqlite3.Connection, seq: int, job_id: str) -> None:
    if db.execute("SELECT 1 FROM awaited WHERE seq = ?", (seq,)).fetchone() is None:
        transitions.start(db, job_id)
    else:
        transitions.await_fewer(db, job_id)


def _in_vain(other: str, how: str) -> dict[str, object]:
    return {
        "cause": Cause.DEPENDENCY,
        "error": f"It waited for the {how} of job {other} in vain",
        "awaited": [how, other],
    }
