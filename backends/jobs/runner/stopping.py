"""Ending a job: a first signal to all of it, SIGKILL after a grace time."""

from __future__ import annotations

import os
import signal
import time

from opsgate.backends.jobs import tree
from opsgate.backends.jobs.states import Cause

_SECONDS_BETWEEN_KILLS = 0.02
_SECONDS_OF_KILLING = 30.0


class Stopping:
    """A job that is being ended. What it left its group or session for makes no difference.

    Args:
        cause: Why.
        signum: The first signal.
        grace: Seconds until SIGKILL.
    """

    def __init__(self, cause: Cause, signum: int, grace: float) -> None:
        self.cause = cause
        self._since = time.monotonic()
        self._kill_at = self._since + grace
        self._next_kill = self._kill_at
        tree.send(tree.descendants(os.getpid()), signum)

    def hasten(self, grace: float) -> None:
        """Shorten the grace time, counted from the first signal."""
        self._kill_at = min(self._kill_at, self._since + grace)
        self._next_kill = min(self._next_kill, self._kill_at)

    def seconds_left(self, now: float) -> float:
        """Return how long until `go_on` has something to do."""
        return max(0.0, self._next_kill - now)

    def go_on(self, now: float) -> None:
        """Kill what is left, once the grace time is over; again and again, since it may be forking."""
        if now >= self._next_kill:
            tree.send(tree.descendants(os.getpid()), signal.SIGKILL)
            self._next_kill = now + _SECONDS_BETWEEN_KILLS

    def is_hopeless(self, now: float) -> bool:
        """Tell whether something has withstood SIGKILL for long, as what waits in the kernel does."""
        return now > self._kill_at + _SECONDS_OF_KILLING
