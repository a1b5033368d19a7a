"""Every change of a job's state, each one statement whose condition decides whether it takes place.

All take a connection inside a transaction (`database.Transaction`). They return whether the job was in the state they
start from: of any number of processes that try the same, one gets True.

    created --start--> queued --claim--> starting --begin--> running --finish--> finished
            <--hold---   ^                  |
                         +-----requeue------+       and finish also from created, queued and starting

The order of the journal is written out in each statement: `(SELECT max(change) + 1 FROM journal)` is its next number.
"""

from __future__ import annotations

import json
import os
import time

from opsgate.backends.jobs import clocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


def start(db: sqlite3.Connection, job_id: str) -> bool:
    """Put a created job at the end of its queue, or, if it was in it before, in its place there."""
    return _changed(
        db,
        """
        UPDATE job SET state = 'queued', awaits = 0, queued_at = coalesce(queued_at, :now), changed_at = :now,
            turn = coalesce(turn, (SELECT max(change) + 1 FROM journal)), change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND state = 'created'
        """,
        {"id": job_id},
    )


def hold(db: sqlite3.Connection, job_id: str) -> bool:
    """Take a job out of its queue, as if it had only been created."""
    return _changed(
        db,
        """
        UPDATE job SET state = 'created', changed_at = :now, change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND state = 'queued'
        """,
        {"id": job_id},
    )


def claim(db: sqlite3.Connection, job_id: str, claimer: str) -> bool:
    """Give a queued job its cores. Whoever claims it must see that its runner starts."""
    return _changed(
        db,
        """
        UPDATE job SET state = 'starting', claim = :claim, claimer = :claimer, claimed_uptime = :uptime, boot = :boot,
            handle = NULL, changed_at = :now, change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND state = 'queued'
        """,
        {
            "id": job_id,
            "claim": os.urandom(8).hex(),
            "claimer": claimer,
            "uptime": clocks.uptime(),
            "boot": clocks.boot_id(),
        },
    )


def requeue(db: sqlite3.Connection, job_id: str, claim: str, failures: int) -> bool:
    """Give a job, of which nothing was executed, its place in the queue back.

    Args:
        db: The connection.
        job_id: The job.
        claim: The claim that led to nothing; another one is left alone.
        failures: How many failures of its runner to add to its count.
    """
    return _changed(
        db,
        """
        UPDATE job SET state = 'queued', claim = NULL, claimer = NULL, failures = failures + :failures,
            changed_at = :now, change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND state = 'starting' AND claim = :claim
        """,
        {"id": job_id, "claim": claim, "failures": failures},
    )


def begin(db: sqlite3.Connection, job_id: str, claim: str, pid: int | None) -> bool:
    """Record that a job runs. Only after this, on disk, may anything of it be executed.

    Returns:
        False too if the job was killed meanwhile.
    """
    return _changed(
        db,
        """
        UPDATE job SET state = 'running', pid = :pid, started_at = :now, started_uptime = :uptime, changed_at = :now,
            began = (SELECT max(change) + 1 FROM journal), change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND state = 'starting' AND claim = :claim AND killed = 0
        """,
        {"id": job_id, "claim": claim, "pid": pid, "uptime": clocks.uptime()},
    )


def finish(db: sqlite3.Connection, job_id: str, claim: str | None, ending: Mapping[str, object]) -> bool:
    """Record how a job ended.

    Args:
        db: The connection.
        job_id: The job.
        claim: The claim under which it was started; None for a job that waits to be.
        ending: Its exit record (`runner.ending`).
    """
    known = {"exit_code": None, "signal": None, "waitstatus": None, "cause": None, "duration": None} | dict(ending)
    return _changed(
        db,
        """
        UPDATE job SET state = 'finished', finished_at = :now, changed_at = :now, duration = :duration,
            exit_code = :exit_code, signal = :signal, waitstatus = :waitstatus, cause = :cause, ending = :ending,
            ended = (SELECT max(change) + 1 FROM journal), change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND claim IS :claim AND state <> 'finished'
        """,
        {"id": job_id, "claim": claim, "ending": json.dumps(ending)}
        | {key: known[key] for key in ("exit_code", "signal", "waitstatus", "cause", "duration")},
    )


def ask_to_end(db: sqlite3.Connection, job_id: str, grace: float | None) -> bool:
    """Record that somebody wants a starting or running job ended; its runner then has to be told.

    Args:
        db: The connection.
        job_id: The job.
        grace: Seconds between the first signal and SIGKILL, None for what its spec says. A repeated wish may
            shorten it, never lengthen it.
    """
    return _changed(
        db,
        """
        UPDATE job SET killed = 1, kill_grace = min(coalesce(kill_grace, :grace), coalesce(:grace, kill_grace)),
            killed_at = coalesce(killed_at, :now), changed_at = :now, change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND state IN ('starting', 'running')
        """,
        {"id": job_id, "grace": grace},
    )


def cancel_waiting(db: sqlite3.Connection, job_id: str, ending: Mapping[str, object]) -> bool:
    """End a job that was not claimed."""
    db.execute("UPDATE job SET killed = 1 WHERE id = ? AND state IN ('created', 'queued')", (job_id,))
    return finish(db, job_id, None, ending)


def report(db: sqlite3.Connection, job_id: str, claim: str, status: str) -> bool:
    """Replace the status of a running job by what the job itself says.

    Args:
        db: The connection.
        job_id: The job.
        claim: The claim under which it was started.
        status: A JSON object; anything else is not taken.
    """
    return _changed(
        db,
        """
        UPDATE job SET status = :status, changed_at = :now, change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND state = 'running' AND claim = :claim AND json_valid(:status)
            AND json_type(:status) = 'object'
        """,
        {"id": job_id, "claim": claim, "status": status},
    )


def await_fewer(db: sqlite3.Connection, job_id: str) -> bool:
    """Record for how many other jobs a created job still waits."""
    return _changed(
        db,
        """
        UPDATE job SET awaits = (SELECT count(*) FROM awaited WHERE awaited.seq = job.seq AND how <> 'hold'),
            changed_at = :now, change = (SELECT max(change) + 1 FROM journal)
        WHERE id = :id AND state = 'created'
        """,
        {"id": job_id},
    )


def _changed(db: sqlite3.Connection, statement: str, values: dict[str, object]) -> bool:
    return db.execute(statement, values | {"now": time.time()}).rowcount == 1
