"""What a service holds: descriptors and threads of its workers, processes, files. Compared before and after a fault."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faults.clients import PATIENCE
from tests.faults.site import Site

POOL = min(32, (os.cpu_count() or 1) + 4)
"""Threads that asyncio's pool may have: it starts them one by one, when all it has are busy, and keeps them."""
KEPT = 3
"""Descriptors that SQLite may keep, per store, of a connection that was closed, until it opens the next one."""

LOOKS = 5
"""So many in a row find the same processes where nothing is under way."""


@dataclass(frozen=True)
class Held:
    """What is held at a moment.

    Attributes:
        descriptors: The most of any worker.
        threads: The most of any worker.
        processes: How many there are, by what they are.
        files: Litter.
    """

    descriptors: int
    threads: int
    processes: Counter[str]
    files: frozenset[str]


def held(site: Site) -> Held:
    """What a site holds now."""
    workers = [psutil.Process(pid) for pid in site.pids("worker")]
    return Held(
        descriptors=max(_each(workers, psutil.Process.num_fds)),
        threads=max(_each(workers, psutil.Process.num_threads)),
        processes=Counter(processes_at(site.directory)),
        files=frozenset(site.litter()),
    )


def held_at_rest(site: Site) -> Held:
    """The same when nothing is on its way out any more: a runner ends a moment after its job."""
    end = time.monotonic() + PATIENCE
    looks = [held(site)]
    while len(looks) < LOOKS or any(look.processes != looks[-1].processes for look in looks[-LOOKS:]):
        assert time.monotonic() < end, f"it does not come to rest: {looks[-LOOKS:]}"
        time.sleep(0.25)
        looks.append(held(site))
    return looks[-1]


def leaked(site: Site, before: Held) -> list[str]:
    """What is held beyond what was held before, in words; what is on its way out is waited for."""
    end = time.monotonic() + PATIENCE
    while (found := _beyond(before, held(site))) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def processes_at(directory: Path) -> Iterable[str]:
    """What runs that names a directory, or has it in its environment, or has a parent which does; this process not."""
    own = os.getpid()
    for process in psutil.process_iter(["pid", "ppid", "name", "cmdline", "environ", "status"]):
        if process.pid != own and (_names(process, directory) or _is_left_by(process, directory)):
            yield _kind(process)


def _beyond(before: Held, now: Held) -> list[str]:
    found = []
    if now.descriptors > before.descriptors + KEPT:
        found.append(f"{now.descriptors - before.descriptors} descriptors")
    if now.threads > before.threads + POOL:
        found.append(f"{now.threads - before.threads} threads")
    found += [f"{number} {kind} more" for kind, number in (now.processes - before.processes).items()]
    found += [f"{number} {kind} less" for kind, number in (before.processes - now.processes).items()]
    return found + [f"file {name}" for name in sorted(now.files - before.files)]


def _each(processes: Iterable[psutil.Process], measure: Callable[[psutil.Process], int]) -> list[int]:
    found = [0]
    for process in processes:
        try:
            found.append(measure(process))
        except (psutil.NoSuchProcess, psutil.ZombieProcess):  # it is being replaced
            continue
    return found


def _names(process: psutil.Process, directory: Path) -> bool:
    known = [*(process.info["cmdline"] or ()), *(process.info["environ"] or {}).values()]
    return any(str(directory) in text for text in known)


def _is_left_by(process: psutil.Process, directory: Path) -> bool:
    """Whether it has ended, and a process of ours has not looked after it: it has no environment any more."""
    if process.info["status"] != psutil.STATUS_ZOMBIE:
        return False
    try:
        parent = psutil.Process(process.info["ppid"])
        return any(str(directory) in text for text in [*parent.cmdline(), *parent.environ().values()])
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _kind(process: psutil.Process) -> str:
    ended = "ended " if process.info["status"] == psutil.STATUS_ZOMBIE else ""
    return f"{ended}{process.info['name']}"
