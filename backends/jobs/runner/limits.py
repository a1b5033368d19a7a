"""A limit on what a job writes: per stream, noticed as it is written."""

from __future__ import annotations

import os
import time

from opsgate.backends.jobs import linux

_SECONDS_BETWEEN = 0.05
_SECONDS_WITHOUT_INOTIFY = 0.25


class OutputLimit:
    """Watches output files. They are the job's own to write to, so the limit is overstepped before it is enforced.

    Args:
        paths: The files.
        most: Bytes each may have.
    """

    def __init__(self, paths: list[str], most: int) -> None:
        self._paths = paths
        self._most = most
        self._inotify = _watch(paths)
        self.fd = None if self._inotify is None else self._inotify.fd
        self.look_again_at = 0.0
        self.was_exceeded = False

    def is_exceeded(self) -> bool:
        """Look whether a file is over the limit now.

        A job that writes without end would keep its runner looking without end: rest until `look_again_at`.
        """
        if self._inotify is None:
            self.look_again_at = time.monotonic() + _SECONDS_WITHOUT_INOTIFY
        else:
            self._inotify.read()
            self.look_again_at = time.monotonic() + _SECONDS_BETWEEN
        over = any(_size(path) > self._most for path in self._paths)
        self.was_exceeded = self.was_exceeded or over
        return over

    def cut(self) -> None:
        """Take away what is over the limit. A job that goes on does so at the new end: its files append."""
        for path in self._paths:
            if _size(path) > self._most:
                _truncate(path, self._most)


def _watch(paths: list[str]) -> linux.Inotify | None:
    try:
        inotify = linux.Inotify()
        for path in paths:
            inotify.watch(path)
    except OSError:  # a user may have 128 of them, on many systems; a job is not to fail for that
        return None
    return inotify


def _truncate(path: str, size: int) -> None:
    try:
        os.truncate(path, size)
    except FileNotFoundError:  # the job removed it
        return


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - no pathlib in runners
    except OSError:  # the job removed it
        return 0
