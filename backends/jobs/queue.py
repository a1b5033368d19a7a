"""Who is next: first come first served within a priority, as long as cores are free.

Strictly so: a job that does not fit yet is not overtaken by a smaller one behind it, or it might never run.
Each queue has its own number of cores, 0 for as many as are asked for; jobs that are starting or running use them.
"""

from __future__ import annotations

import os

from opsgate.backends.jobs import awaiting, transitions
from opsgate.backends.jobs.states import Cause

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from opsgate.backends.jobs.database import Database

DEFAULT = ""  # the row in `limits` for queues that have none of their own
LOCAL = "local"
# Named, for SQLite would rather walk through all of history.
_ANY_WAITS = """
    SELECT 1 FROM job INDEXED BY job_waiting WHERE state = 'queued'
    UNION ALL SELECT 1 FROM awaited INDEXED BY awaited_settled WHERE settled = 1 LIMIT 1
"""


def limit(db: sqlite3.Connection, queue: str) -> int:
    """Return how many cores the jobs of a queue may use together; 0 for any number."""
    row = db.execute(
        "SELECT cores FROM limits WHERE queue IN (?, ?) ORDER BY queue DESC LIMIT 1", (queue, DEFAULT)
    ).fetchone()
    return len(os.sched_getaffinity(0)) if row is None else int(row[0])


def used(db: sqlite3.Connection, queue: str) -> int:
    """Return how many cores the jobs of a queue use now."""
    row = db.execute(
        "SELECT coalesce(sum(cores), 0) FROM job WHERE queue = ? AND state IN ('starting', 'running')", (queue,)
    ).fetchone()
    return int(row[0])


def claim_all(db: sqlite3.Connection, claimer: str, executors: tuple[str, ...] = (LOCAL,)) -> list[str]:
    """Claim whatever may start now, in every queue.

    Args:
        db: A connection inside a transaction.
        claimer: The name of this process (`clocks.myself`).
        executors: Those that this process can start runners with. A queue whose next job needs another one waits
            for a process that has it.

    Returns:
        The ids of the jobs that the caller must now start, in order.
    """
    awaiting.settle(db)
    return [job_id for queue in _queues(db) for job_id in claim_next(db, queue, claimer, executors)]


def claim_in(store: Database, claimer: str, executors: tuple[str, ...] = (LOCAL,)) -> list[str]:
    """Do `claim_all` in a change of its own; without one where nothing waits."""
    if store.connection.execute(_ANY_WAITS).fetchone() is None:
        return []
    with store.change(durable=False) as db:  # lost in a power cut, a claim is a job that waits again
        return claim_all(db, claimer, executors)


def claim_next(db: sqlite3.Connection, queue: str, claimer: str, executors: tuple[str, ...] = (LOCAL,)) -> list[str]:
    """Claim the jobs at the head of one queue that fit together; as `claim_all`."""
    awaiting.settle(db)
    cores = limit(db, queue)
    free = cores - used(db, queue)
    claimed = []
    while (head := _head(db, queue)) is not None:
        job_id, wanted, executor = head
        if cores and wanted > cores:
            transitions.finish(db, job_id, None, unsatisfiable(wanted, cores))
            continue
        if executor not in executors or (cores and wanted > free):
            break
        transitions.claim(db, job_id, claimer)
        claimed.append(job_id)
        free -= wanted
    return claimed


def unsatisfiable(wanted: int, cores: int) -> dict[str, object]:
    """Return the exit record of a job that is larger than its queue, as a limit lowered later can make it."""
    error = f"It asks for {wanted} cores, its queue has {cores}"
    return {"cause": Cause.UNSATISFIABLE, "error": error, "cores": cores}


def _queues(db: sqlite3.Connection) -> list[str]:
    # From one to the next in the index: their number counts, not that of the jobs that wait in them.
    step = "SELECT min(queue) FROM job WHERE state = 'queued' AND queue > ?"
    queues: list[str] = []
    while (name := db.execute(step, (queues[-1] if queues else "",)).fetchone()[0]) is not None:
        queues.append(name)
    return queues


def _head(db: sqlite3.Connection, queue: str) -> tuple[str, int, str] | None:
    row: tuple[str, int, str] | None = db.execute(
        """
        SELECT id, cores, executor FROM job WHERE queue = ? AND state = 'queued'
        ORDER BY priority DESC, turn LIMIT 1
        """,
        (queue,),
    ).fetchone()
    return row
