"""The keeper: looks after the runner, and when the job is over, after those that are next.

It is the runner's parent and does nothing while the runner lives. A runner that ends well hands it the jobs whose turn
has come; the keeper forks a runner for the first of them from itself, which costs a tenth of a new interpreter, starts
keepers for the others, and ends when there is none. So the queue moves on while no request comes in and no service is
up. Should the runner die, everything the job left becomes the keeper's: it kills all of it, has the job recorded as
lost, and looks who is next.
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
    """Run the job of this directory, then others for as long as there are any whose turn it is. Does not return."""
    layout = Layout(root_of(job_dir))
    for signum in _NOT_FOR_US:
        signal.signal(signum, signal.SIG_IGN)
    _exit_after(lambda: _keep_on(layout, id_of(job_dir)))


def run_by_files(job_dir: str) -> None:
    """Run the job of this directory and report by files alone. Does not return."""
    linux.adopt_orphans(True)
    _exit_after(lambda: supervision.run(job_dir, ledger.FileLedger(job_dir)))


def _keep_on(layout: Layout, job_id: str | None) -> None:
    while job_id is not None:
        linux.adopt_orphans(True)
        claimed = _run_in_fork(layout, job_id)
        if claimed is None:
            tree.kill_descendants()
            claimed = _after_failure(layout, job_id)
        alone = not tree.has_children()  # what a job left behind on purpose must not be taken for the next one's
        linux.adopt_orphans(False)
        job_id = claimed.pop(0) if claimed and alone else None
        _start_keepers(layout, claimed)


def _run_in_fork(layout: Layout, job_id: str) -> list[str] | None:
    """Return the jobs that are next, None if the runner died."""
    keeper, name = os.getpid(), clocks.myself()
    reading, writing = os.pipe()
    runner = os.fork()
    if not runner:
        _exit_after(lambda: _run(layout, job_id, ledger.StoreLedger(layout, job_id, name), keeper, writing))
    os.close(writing)
    with open(reading, "rb") as pipe:  # noqa: PTH123 - a descriptor
        claimed = pipe.read().decode().split()
    return None if os.waitpid(runner, 0)[1] else claimed


def _run(layout: Layout, job_id: str, kept: ledger.StoreLedger, keeper: int, writing: int) -> None:
    linux.adopt_orphans(True)
    job_dir = database.insist(layout, lambda: layout.create_job(job_id))
    claimed = supervision.run(job_dir, kept)
    if os.getppid() == keeper:
        os.write(writing, " ".join(claimed).encode())
    else:
        linux.adopt_orphans(False)
        _start_keepers(layout, claimed)


def _after_failure(layout: Layout, job_id: str) -> list[str]:
    def recover_and_claim() -> list[str]:
        store = database.Database(layout)
        try:
            recovery.recover_one(store, layout, job_id, runner_failed=True)
            recovery.recover(store, layout)
            return recovery.claimed_by(store, clocks.myself()) + queue.claim_in(store, clocks.myself())
        finally:
            store.close()

    return database.insist(layout, recover_and_claim)


def _start_keepers(layout: Layout, job_ids: list[str]) -> None:
    for job_id in job_ids:
        os.waitpid(runners.launch(layout.job(job_id), os.environ), 0)


def _exit_after(action: Callable[[], object]) -> None:
    status = 1
    try:
        action()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    os._exit(status)
