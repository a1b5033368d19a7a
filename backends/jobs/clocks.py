"""Clocks that cannot be set, and who a process is.

Wall-clock times are recorded for people. Nothing is decided by them: durations come from the monotonic clock, and ages
across processes from the time since boot, which is the same for all of them as long as the boot id is.
"""

from __future__ import annotations

import os
import time


def boot_id() -> str:
    """Return the kernel's name for the time since this machine started."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - no pathlib in runners
        return file.read().strip()


def uptime() -> float:
    """Return seconds since this machine started, suspended ones included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def started_ticks(pid: int) -> int | None:
    """Return when a process started, in the kernel's ticks since boot; None if there is no such process.

    Together with the pid it names a process for as long as the machine runs: pids are used again.
    """
    stat = read_stat(pid)
    return None if stat is None else int(stat[19])


def read_stat(pid: int) -> list[bytes] | None:
    """Return the fields of /proc/<pid>/stat from the state on (number 3 in proc(5)), None without such a process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - no pathlib in runners
            return file.read().rpartition(b") ")[2].split()
    except OSError:
        return None


def myself() -> str:
    """Return a name for this process that no other one has until the next boot."""
    return f"{os.getpid()}:{started_ticks(os.getpid())}"


def is_alive(name: str) -> bool:
    """Tell whether the process that gave itself this name by `myself` is still there, in this boot."""
    pid, _, ticks = name.partition(":")
    stat = read_stat(int(pid)) if pid.isdigit() else None
    return stat is not None and stat[0] not in b"ZX" and stat[19] == ticks.encode()
