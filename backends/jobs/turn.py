"""Whose turn it is to write: what keeps one busy process from shutting the others out of a store.

A process that finds SQLite's write lock taken tries again after pauses that grow to a tenth of a second, while the one
that has it takes it anew after every commit: with two busy workers some changes waited half a second. So writers stand
in line before they ask SQLite. There are two locks: who has `next` is the next one to write and waits for `write` with
short pauses; who has just written finds `next` taken, and is behind it. Both are locks of an open file, which go with
the process that holds them, and exclude two connections of one process as well.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.005


class Turn:
    """One writer's place in line. Never carried over a fork.

    Args:
        path: The database; the locks are files beside it.
        patience: How long to wait for the others, in seconds.

    Raises:
        OSError: The files of the locks cannot be opened.
    """

    def __init__(self, path: str, patience: float) -> None:
        self._patience = patience
        self._next, self._write = _open(path + "-next"), _open(path + "-write")

    def take(self) -> None:
        """Wait for the turn.

        Raises:
            sqlite3.OperationalError: It did not come in time, worded as SQLite does.
        """
        deadline = time.monotonic() + self._patience
        _take(self._next, deadline, _LONGEST_PAUSE)
        try:
            _take(self._write, deadline, _SHORTEST_PAUSE)
        finally:
            fcntl.flock(self._next, fcntl.LOCK_UN)

    def give(self) -> None:
        """Let the next one write."""
        fcntl.flock(self._write, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave the line for good."""
        os.close(self._next)
        os.close(self._write)


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take(lock: int, deadline: float, longest: float) -> None:
    pause = _SHORTEST_PAUSE
    while not _taken(lock):
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("database is locked")
        time.sleep(pause)
        pause = min(pause * 2, longest)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
