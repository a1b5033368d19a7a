"""Faults that any service can be given. Each is a context: its end undoes what does not undo itself."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Protocol

import psutil

from tests.faults.clients import PATIENCE
from tests.faults.scenario import Fault, S, Strike
from tests.faults.site import Site


class Clocked(Site, Protocol):
    """A site with a clock that can be set: `settable_clock` is in the environment of its processes."""

    clock: Path


_HOLD = """
import sqlite3, sys
from contextlib import ExitStack
from opsgate.backends.jobs.turn import Turn
path, how = sys.argv[1:]
with ExitStack() as stack:
    if how == "turn":
        turn = Turn(path, 60)
        turn.take()
    else:
        sqlite3.connect(path, timeout=60, isolation_level=None).execute(how)
    print("held", flush=True)
    sys.stdin.read()
"""


def kill_one(kind: str) -> Strike[Site]:
    """SIGKILL for one process of a kind, which comes again by itself."""
    return kill(lambda site: site.pids(kind)[:1])


def kill_all(kind: str) -> Strike[Site]:
    """SIGKILL for all processes of a kind at once, which come again by themselves."""
    return kill(lambda site: site.pids(kind))


def kill(victims: Callable[[Site], list[int]], at_least: int = 1) -> Strike[Site]:
    """SIGKILL for some processes, until there were so many of them."""

    def do(site: Site) -> None:
        killed: set[int] = set()
        end = time.monotonic() + PATIENCE
        while len(killed) < at_least:
            assert time.monotonic() < end, "there is nothing to kill"
            killed |= _killed(set(victims(site)) - killed)

    return Strike(do)


def kill_master(site: Site) -> None:
    """SIGKILL for gunicorn's master, and wait until its workers have noticed, and ended."""
    workers = site.pids("worker")
    os.kill(site.pids("master")[0], signal.SIGKILL)
    wait(lambda: not any(map(is_alive, workers)))


@contextmanager
def kill_service(site: Site) -> Iterator[None]:
    """SIGKILL for gunicorn's master; it is started again, as a supervisor would, when its workers have ended."""
    workers = site.pids("worker")
    os.kill(site.pids("master")[0], signal.SIGKILL)
    yield
    wait(lambda: not any(map(is_alive, workers)))
    site.start()


@contextmanager
def kill_supervisord(site: Site) -> Iterator[None]:
    """SIGKILL for the supervisord of `opsgate up`, which is started again when what it ran has ended with it."""
    left = [*site.pids("master"), *site.pids("worker")]
    os.kill(site.pids("supervisord")[0], signal.SIGKILL)
    yield
    wait(lambda: not any(map(is_alive, left)))
    site.start()


@contextmanager
def kill_everything(site: Site) -> Iterator[None]:
    """SIGKILL for gunicorn's master and workers at once; it is started again, as a supervisor would."""
    for pid in [*site.pids("master"), *site.pids("worker")]:
        os.kill(pid, signal.SIGKILL)
    yield
    site.start()


def stop_one(kind: str) -> Fault[Site]:
    """SIGSTOP for one process of a kind, then SIGCONT."""

    @contextmanager
    def fault(site: Site) -> Iterator[None]:
        pid = site.pids(kind)[0]
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    return fault


def hold(store: Callable[[S], Path], how: str, *, frozen: bool = False) -> Fault[S]:
    """Another process has a store's lock.

    Args:
        store: The SQLite file.
        how: A statement that takes SQLite's lock, or "turn" for the place in line before it.
        frozen: Whether that process is stopped meanwhile.
    """

    @contextmanager
    def fault(site: S) -> Iterator[None]:
        command = [sys.executable, "-P", "-c", _HOLD, str(store(site)), how]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"held\n"
            if frozen:
                holder.send_signal(signal.SIGSTOP)
            try:
                yield
            finally:
                holder.send_signal(signal.SIGCONT)  # its input ends with this context

    return fault


def connections(number: int, port: Callable[[S], int], *, drip: bool = False) -> Fault[S]:
    """Many clients that are connected and ask nothing.

    Args:
        number: How many.
        port: Where.
        drip: Whether each goes on sending a header that never ends, byte by byte.
    """

    @contextmanager
    def fault(site: S) -> Iterator[None]:
        _allow_descriptors(number + 500)
        with ExitStack() as stack:
            clients = [
                stack.enter_context(closing(socket.create_connection(("127.0.0.1", port(site)), PATIENCE)))
                for _ in range(number)
            ]
            if drip:
                stack.enter_context(_dripping(clients))
            yield

    return fault


@contextmanager
def full_disk(filler: Path) -> Iterator[None]:
    """No room on the file system of a file, which must not be there yet."""
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x")
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[None]:
    """A file system of its own in a directory, e.g. of "32m"; who may mount one is root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


@contextmanager
def step_clock(site: Clocked) -> Iterator[None]:
    """The clock goes a day forward, then two days back, then is right again."""
    _set(site.clock, 86400)
    try:
        yield
        _set(site.clock, -86400)
        time.sleep(0.5)
    finally:
        _set(site.clock, 0)


def settable_clock(file: Path) -> dict[str, str]:
    """The environment of a Python program whose clock is as far from the machine's as a file says, in seconds.

    What it measures durations with goes on evenly, as it does when a machine's clock is set. libfaketime is not used:
    with it either waiting for a lock, or `time.sleep` of Python 3.11 and later, does not work.
    """
    file.write_text("0")
    return {"PYTHONPATH": str(Path(__file__).with_name("clock")), "CLOCK_IS_OFF_BY": str(file)}


def wait(condition: Callable[[], object]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "what was waited for did not come"
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The processes that a process has started, if it is there."""
    try:
        return [child.pid for child in psutil.Process(pid).children()]
    except psutil.NoSuchProcess:
        return []


def is_alive(pid: int) -> bool:
    """Whether a process is there, and has not ended."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _killed(pids: set[int]) -> set[int]:
    for pid in pids:
        with suppress(ProcessLookupError):  # it ended by itself
            os.kill(pid, signal.SIGKILL)
    return pids


@contextmanager
def _dripping(clients: list[socket.socket]) -> Iterator[None]:
    over = threading.Event()

    def drip() -> None:
        for client in clients:
            client.sendall(b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        while not over.wait(0.1):
            for client in clients:
                with suppress(OSError):  # the service has had enough of it
                    client.send(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _set(clock: Path, seconds: int) -> None:
    new = clock.with_suffix(".new")
    new.write_text(str(seconds))
    new.replace(clock)


def _allow_descriptors(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), max(hard, number)))
