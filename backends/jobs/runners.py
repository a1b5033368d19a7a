"""Runners on this machine: starting one, telling one to look at what is wanted, asking whether one lives."""

from __future__ import annotations

import os
import signal
import sys

from opsgate.backends.jobs import layout, locks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LOOK = signal.SIGUSR1  # to a runner: what is wanted of this job is in the store
_PROGRAM = __file__.rpartition("/")[0] + "/runner/__main__.py"


def launch(job_dir: str, environment: Mapping[str, str], interpreter: str | None = None) -> int:
    """Start a keeper, and by it a runner, for a job that was claimed.

    It closes what it inherited and forks at once: the process started here ends within milliseconds, what it leaves is
    nobody's child. The caller has to wait for that process.

    Args:
        job_dir: The job's directory, which need not exist yet.
        environment: Its environment. Not the job's: that is in the job's spec.
        interpreter: The Python to run it, this process' own if not given.

    Returns:
        The pid to wait for.

    Raises:
        OSError: No process can be started, or no log written.
    """
    python = interpreter or sys.executable
    log = layout.Layout(layout.root_of(job_dir)).log
    return os.posix_spawn(
        python,
        [python, "-I", "-S", _PROGRAM, job_dir],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigmask=(),
    )


def is_alive(job_dir: str) -> bool:
    """Tell whether the runner of a job lives."""
    return locks.holder(f"{job_dir}/{layout.LOCK}") is not None


def tell(job_dir: str, signum: int = LOOK) -> bool:
    """Send a signal to the runner of a job.

    Returns:
        Whether there is one.
    """
    lock = f"{job_dir}/{layout.LOCK}"
    pid = locks.holder(lock)
    try:
        pidfd = os.pidfd_open(pid) if pid else -1
    except ProcessLookupError:
        return False
    if pidfd < 0:
        return False
    try:
        # Between the two questions the pid may have become another process'; who holds the lock now, held it then.
        if locks.holder(lock) != pid:
            return False
        signal.pidfd_send_signal(pidfd, signum)
    except ProcessLookupError:
        return False
    finally:
        os.close(pidfd)
    return True


def by_files(job_dir: str, interpreter: str | None = None) -> list[str]:
    """Return the command that runs a job in the foreground and reports by files, for an executor to start elsewhere."""
    return [interpreter or sys.executable, "-I", "-S", _PROGRAM, "--files", job_dir]
