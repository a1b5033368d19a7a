"""Signals as something to wait for."""

from __future__ import annotations

import os
import signal

from opsgate.backends.jobs.runners import LOOK

TOLD_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Ears:
    """From now on these signals do nothing but make `fd` readable."""

    def __init__(self) -> None:
        self.fd, writing = os.pipe()
        for fd in (self.fd, writing):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        for signum in (*TOLD_TO_END, LOOK, signal.SIGCHLD):
            signal.signal(signum, _note)

    def read(self) -> set[int]:
        """Return the signals that came since the last call."""
        try:
            return set(os.read(self.fd, 4096))
        except BlockingIOError:
            return set()


def _note(_signum: int, _frame: object) -> None:
    """Do nothing: with a handler of any kind, Python writes the number to the descriptor."""
