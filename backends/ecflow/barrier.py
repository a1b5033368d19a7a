"""Tells all workers on this machine that one of them has changed something on the server.

A mark in a small shared file, which every command changes and every read looks at. It costs less than asking the
server, and it is what makes a read show a write that another worker answered a moment before.
"""

from __future__ import annotations

import itertools
import mmap
import os
import struct
from pathlib import Path
from typing import Protocol

_MARK = struct.Struct("@QQ")
_MARK_FILE = "changes"


class Barrier(Protocol):
    """Where commands leave their mark."""

    shared: bool
    """Whether all workers see it: without that, only the server knows whether something changed."""

    def mark(self) -> None:
        """Note that something may have changed."""

    def value(self) -> bytes:
        """Return what differs after each mark."""


class OwnBarrier:
    """The mark of a worker that knows of no others."""

    shared = False

    def __init__(self) -> None:
        self._count = 0

    def mark(self) -> None:
        """Note that something may have changed."""
        self._count += 1

    def value(self) -> bytes:
        """Return what differs after each mark."""
        return self._count.to_bytes(8, "big")


class SharedBarrier:
    """The mark of all workers that use one directory.

    Args:
        directory: Theirs alone; made where it is missing.
    """

    shared = True

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory / _MARK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.ftruncate(descriptor, _MARK.size)
            self._memory = mmap.mmap(descriptor, _MARK.size)
        finally:
            os.close(descriptor)
        self._begin()
        os.register_at_fork(after_in_child=self._begin)  # else two workers would leave equal marks

    def _begin(self) -> None:
        self._writer = int.from_bytes(os.urandom(8), "big")
        self._counter = itertools.count(1)

    def mark(self) -> None:
        """Note that something may have changed.

        No two marks are equal, so whoever writes last leaves a value that no reader has seen before; a reader that
        sees half of one asks once more than necessary.
        """
        _MARK.pack_into(self._memory, 0, self._writer, next(self._counter))

    def value(self) -> bytes:
        """Return what differs after each mark."""
        return self._memory[:]
