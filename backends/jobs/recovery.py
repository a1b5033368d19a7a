"""What to do with a job that has cores but no runner.

Nothing is lost and nothing runs twice, for two facts. A runner holds its job's lock from before it looks at the row
until it ends. And a job is recorded as running, on disk, before anything of it is executed. So, with the lock free:
*starting* means that nothing was executed, it goes back to its place in the queue; *running* means that it may have
been, it is over: as its exit record says, if its runner came that far, otherwise lost.

The lock file also has a note: which claim the runner came for, so that nobody waits for one that came and died; and who
its keeper is, since a living keeper finds all that the job left, others only what carries its mark.
"""

from __future__ import annotations

import json
import os

from opsgate.backends.jobs import clocks, locks, queue, runners, transitions, tree
from opsgate.backends.jobs.database import Database
from opsgate.backends.jobs.layout import EXIT, LOCK, Layout
from opsgate.backends.jobs.states import Cause, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MOST_FAILURES = 3
LAUNCH_SECONDS = 15.0  # a runner that has not come up by then will find its claim gone

_CLAIMED_BY = """
    SELECT id FROM job INDEXED BY job_active
    WHERE state IN ('starting', 'running') AND state = 'starting' AND claimer = ?
"""
_COLUMNS = "id, state, claim, claimer, claimed_uptime, boot, failures, killed"


class Active:
    """A job that is starting or running, as its row says.

    Args:
        row: The values of `_COLUMNS`.
    """

    def __init__(self, row: tuple[str, str, str, str, float, str, int, int]) -> None:
        self.id, self.state, self.claim, self.claimer, self.claimed_uptime, self.boot, self.failures, self.killed = row


def recover(database: Database, layout: Layout) -> int:
    """Look after all jobs of this machine that have cores but no runner, and remind runners of what is wanted.

    Returns:
        How many jobs were given back or recorded as over.
    """
    rows = database.connection.execute(
        f"SELECT {_COLUMNS} FROM job WHERE state IN ('starting', 'running') AND executor = ?",  # noqa: S608 - constant
        (queue.LOCAL,),
    ).fetchall()
    return sum(_look_after(database, layout, Active(row)) for row in rows)


def recover_one(
    database: Database, layout: Layout, job_id: str, *, runner_failed: bool = False, counts: bool = True
) -> bool:
    """Look after one job.

    Args:
        database: The store.
        layout: The state directory.
        job_id: The job.
        runner_failed: Whether its runner is known to have ended: a starting job need not wait for it any more.
        counts: Whether that is the runner's own failure, of which a job has only so many.

    Returns:
        Whether it was given back or recorded as over.
    """
    row = database.connection.execute(
        f"SELECT {_COLUMNS} FROM job WHERE state IN ('starting', 'running') AND id = ?",  # noqa: S608 - constant
        (job_id,),
    ).fetchone()
    return row is not None and _look_after(database, layout, Active(row), runner_failed=runner_failed, counts=counts)


def claimed_by(database: Database, claimer: str) -> list[str]:
    """Return the jobs that a process claimed and that did not start yet."""
    rows = database.connection.execute(_CLAIMED_BY, (claimer,))
    return [row[0] for row in rows]


def _look_after(
    database: Database, layout: Layout, job: Active, *, runner_failed: bool = False, counts: bool = True
) -> bool:
    job_dir = layout.job(job.id)
    if runners.is_alive(job_dir):
        if job.killed:  # whoever asked may have died before it told the runner
            runners.tell(job_dir)
        return False
    if runner_failed:
        return _settle(database, job, job_dir, failed=counts)
    came, keeper_lives = _read_note(job, job_dir)
    if keeper_lives or (not came and job.state == State.STARTING and _may_still_come(job)):
        return False
    return _settle(database, job, job_dir, failed=came or _claimer_lives(job))


def _read_note(job: Active, job_dir: str) -> tuple[bool, bool]:
    """Return whether a runner came for this claim, and whether its keeper lives, who then knows better what to do."""
    claim, _, keeper = locks.read_note(f"{job_dir}/{LOCK}").partition(" ")
    came = claim == job.claim
    return came, came and job.boot == clocks.boot_id() and clocks.is_alive(keeper)


def _settle(database: Database, job: Active, job_dir: str, *, failed: bool = True) -> bool:
    record = read_record(job_dir)
    if record is not None:
        return _change(database, lambda db: transitions.finish(db, job.id, job.claim, record))
    if job.state == State.STARTING:
        return _give_back(database, job, failed=failed)
    if job.boot == clocks.boot_id():
        tree.sweep(job_dir)
    _give_room_back(job_dir)
    return _change(database, lambda db: transitions.finish(db, job.id, job.claim, _lost(job)))


def _give_back(database: Database, job: Active, *, failed: bool) -> bool:
    if job.killed:
        ending: dict[str, object] = {"cause": Cause.CANCELLED}
        return _change(database, lambda db: transitions.finish(db, job.id, job.claim, ending))
    if failed and job.failures + 1 >= MOST_FAILURES:
        ending = {"cause": Cause.NOT_STARTED, "error": f"Its runner failed {MOST_FAILURES} times, see runner.log"}
        return _change(database, lambda db: transitions.finish(db, job.id, job.claim, ending))
    return _change(database, lambda db: transitions.requeue(db, job.id, job.claim, int(failed)))


def read_record(job_dir: str) -> dict[str, object] | None:
    """Return the exit record of a job, None if there is none."""
    try:
        with open(f"{job_dir}/{EXIT}", "rb") as file:  # noqa: PTH123 - no pathlib in runners
            record = json.load(file)
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def _give_room_back(job_dir: str) -> None:
    """Remove what the runner set aside for its record."""
    try:
        os.unlink(f"{job_dir}/{EXIT}.new")  # noqa: PTH108 - no pathlib in runners
    except FileNotFoundError:
        return


def _lost(job: Active) -> dict[str, object]:
    why = "Its runner was killed" if job.boot == clocks.boot_id() else "The machine restarted while it ran"
    return {"cause": Cause.LOST, "error": why}


def _may_still_come(job: Active) -> bool:
    return _claimer_lives(job) and clocks.uptime() - job.claimed_uptime < LAUNCH_SECONDS


def _claimer_lives(job: Active) -> bool:
    # A claimer that died may have started the runner just before. That runner will find another claim, and leave.
    return job.boot == clocks.boot_id() and clocks.is_alive(job.claimer)


def _change(database: Database, transition: Callable[..., bool]) -> bool:
    with database.change() as db:
        return transition(db)
