"""A process and all that came from it.

Two ways to find them. While a runner lives, everything its job started is below it: it adopts whatever lost its parent,
so neither a new session nor a double fork leads away. When the runner is gone, and its keeper with it, only the mark
in the environment is left to find them by; a process that wiped its environment is then missed.
"""

from __future__ import annotations

import os
import signal
import time

from opsgate.backends.jobs import clocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NAME, MARK = "OPSGATE_JOB", "OPSGATE_JOB_MARK"
"""Variables of each job's environment: its id, for whom it may concern; and what no other job of this machine has."""
_SWEEP_SECONDS = 10.0


class Process:
    """A process as it was seen in /proc; its start time guards against its pid being used again.

    Args:
        pid: Its number.
        stat: Its fields as `clocks.read_stat` returns them.
    """

    __slots__ = ("parent", "pid", "state", "ticks")

    def __init__(self, pid: int, stat: list[bytes]) -> None:
        self.pid = pid
        self.state = stat[0]
        self.parent = int(stat[1])
        self.ticks = stat[19]

    def send(self, signum: int) -> None:
        """Send a signal, unless this very process is gone or out of reach."""
        try:
            pidfd = os.pidfd_open(self.pid)
        except OSError:
            return
        try:
            stat = clocks.read_stat(self.pid)
            if stat is not None and stat[19] == self.ticks:
                signal.pidfd_send_signal(pidfd, signum)
        except (ProcessLookupError, PermissionError):
            return
        finally:
            os.close(pidfd)


def descendants(root: int) -> list[Process]:
    """Return all living processes below this one, children before grandchildren."""
    below: dict[int, list[Process]] = {}
    for process in _all():
        below.setdefault(process.parent, []).append(process)
    found = below.get(root, [])
    for process in found:  # grows while it is walked
        found.extend(below.get(process.pid, ()))
    return [process for process in found if process.state not in b"ZX"]


def send(processes: Iterable[Process], signum: int) -> None:
    """Send a signal to each of them."""
    for process in processes:
        process.send(signum)


def mark(job_dir: str) -> str:
    """Return the mark of the job in this directory.

    Its id would not do: two stores may give the same one. Nor would the path, of which there may be several, nor the
    directory's place on the disk, which it may have from a job that was deleted; the last two together do.

    Raises:
        OSError: There is no such directory.
    """
    place = os.stat(job_dir)  # noqa: PTH116 - no pathlib in runners
    return f"{os.path.basename(job_dir)}@{place.st_dev:x}.{place.st_ino:x}"  # noqa: PTH119 - as above


def marked(job_dir: str) -> list[Process]:
    """Return the living processes that carry the mark of the job in this directory in their environment."""
    wanted = f"{MARK}={mark(job_dir)}".encode()
    return [process for process in _all() if process.state not in b"ZX" and wanted in _environment(process.pid)]


def sweep(job_dir: str) -> bool:
    """Kill what is left of a job whose runner is gone, again and again until nothing is (they may be forking).

    Args:
        job_dir: Its directory.

    Returns:
        Whether nothing is left. What cannot be killed, for it waits in the kernel, is given up on after ten seconds.
    """
    end = time.monotonic() + _SWEEP_SECONDS
    while left := marked(job_dir):
        send(left, signal.SIGKILL)
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def kill_descendants() -> bool:
    """Kill everything below this process, which must be adopting orphans, and reap it.

    Returns:
        Whether nothing is left, as for `sweep`.
    """
    end = time.monotonic() + _SWEEP_SECONDS
    while has_children():
        send(descendants(os.getpid()), signal.SIGKILL)
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def has_children() -> bool:
    """Reap what has ended, and tell whether this process still has any child."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _all() -> Iterator[Process]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - no pathlib in runners
        if name.isdigit() and (stat := clocks.read_stat(int(name))) is not None:
            yield Process(int(name), stat)


def _environment(pid: int) -> list[bytes]:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123 - no pathlib in runners
            return file.read().split(b"\0")
    except OSError:  # ended meanwhile, or another user's
        return []
