"""The keeper: looks after the runner, and when the job is over, after the queue.

It is the runner's parent and does nothing while the runner lives. Should the runner die, everything the job left
becomes the keeper's: it kills all of it and has the job recorded as lost. In any case it then sees who may start now,
forks a runner for the first of them from itself (which costs a tenth of a new interpreter), starts keepers for the
others, and ends when there is none. So the queue moves on while no request comes in and no service is up.
"""

from __future__ import annotations

import os
import signal
import sys

from opsgate.backends.jobs import clocks, database, linux, queue, recovery, runners, tree
from opsgate.backends.jobs.layout import Layout, id_of, root_of
from opsgate.backends.jobs.runner import ledger, supervision

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_NOT_FOR_US = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def keep(job_dir: str) -> None:
    """Run the job of this directory, then others for as long as there are any whose turn it is."""
    layout = Layout(root_of(job_dir))
    for signum in _NOT_FOR_US:
        signal.signal(signum, signal.SIG_IGN)
    job_id: str | None = id_of(job_dir)
    while job_id is not None:
        linux.adopt_orphans(True)
        failed = _run_in_fork(layout, job_id)
        if failed:
            tree.kill_descendants()
        alone = not tree.has_children()  # what a job left behind on purpose must not be taken for the next one's
        linux.adopt_orphans(False)
        job_id = _hand_on(layout, job_id, runner_failed=failed, go_on=alone)


def run_by_files(job_dir: str) -> None:
    """Run the job of this directory and report by files alone."""
    linux.adopt_orphans(True)
    supervision.run(job_dir, ledger.FileLedger(job_dir))


def _run_in_fork(layout: Layout, job_id: str) -> bool:
    keeper = os.getpid()
    runner = os.fork()
    if not runner:
        _exit_after(lambda: _run(layout, job_id, keeper))
    return os.waitpid(runner, 0)[1] != 0


def _run(layout: Layout, job_id: str, keeper: int) -> None:
    linux.adopt_orphans(True)
    job_dir = database.insist(layout, lambda: layout.create_job(job_id))
    supervision.run(job_dir, ledger.StoreLedger(layout, job_id))
    if os.getppid() != keeper:
        linux.adopt_orphans(False)
        _hand_on(layout, job_id, runner_failed=False, go_on=False)


def _exit_after(action: Callable[[], None]) -> None:
    status = 1
    try:
        action()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    os._exit(status)


def _hand_on(layout: Layout, job_id: str, *, runner_failed: bool, go_on: bool) -> str | None:
    claimed = database.insist(layout, lambda: _claim(layout, job_id, runner_failed=runner_failed))
    mine = claimed.pop(0) if claimed and go_on else None
    for other in claimed:
        os.waitpid(runners.launch(layout.job(other), os.environ), 0)
    return mine


def _claim(layout: Layout, job_id: str, *, runner_failed: bool) -> list[str]:
    store = database.Database(layout)
    try:
        if runner_failed:
            recovery.recover_one(store, layout, job_id, runner_failed=True)
        recovery.recover(store, layout)
        with store.change(durable=False) as db:  # lost in a power cut, a claim is a job that waits again
            return queue.claim_all(db, clocks.myself())
    finally:
        store.close()
