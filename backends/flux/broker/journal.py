"""Hearing what happens to jobs: the job manager's journal, all of it from its beginning, then as it goes on.

The thread of the connection hears it and puts it into a queue; the event loop takes it out, a bounded number at a time.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, Protocol

import orjson

from opsgate.backends.flux.broker.connection import Connection, Instance
from opsgate.backends.flux.broker.talks import Subscription

_TOPIC: Final = "job-manager.events-journal"
_RANK: Final = 0
_AT_ONCE: Final = 300
"""Events that are taken before others get their turn."""


class Entry(NamedTuple):
    """An event of the journal.

    Attributes:
        job: The job's number.
        name: The event's name.
        timestamp: Epoch seconds.
        context: What it says.
        jobspec: The job's specification without its environment, with `submit`.
        allocated: What the job was allocated (Flux's R), with `alloc`.
    """

    job: int
    name: str
    timestamp: float
    context: Mapping[str, Any]
    jobspec: dict[str, Any] | None
    allocated: dict[str, Any] | None


class Reader(Protocol):
    """Whoever is told, in the event loop."""

    def begin(self, instance: Instance) -> None:
        """Forget everything: what comes now begins anew."""

    def take(self, entries: list[Entry]) -> None:
        """Take the next events."""

    def caught_up(self) -> None:
        """Take notice that all that was before has been told."""

    def lost(self, error: OSError) -> None:
        """Take notice that nothing can be known any more."""


class _Step(NamedTuple):
    """Something to tell the reader, and how much work that is."""

    tell: Callable[[], None]
    size: int


class Journal:
    """Passes the journal of each connection on to a reader.

    Args:
        reader: Who is told.
        loop: Where.
    """

    def __init__(self, reader: Reader, loop: asyncio.AbstractEventLoop) -> None:
        self._reader = reader
        self._loop = loop
        self._history: list[Entry] | None = []
        self._steps: deque[_Step] = deque()
        self._is_awake = False

    def connected(self, connection: Connection, instance: Instance) -> None:
        """Ask for the journal."""
        self._history = []
        self._pass_on(lambda: self._reader.begin(instance))
        subscription = Subscription(_TOPIC, {"full": True}, _RANK, lambda told: self._hear(told, connection))
        connection.post(subscription)

    def lost(self, error: OSError) -> None:
        """Tell that it has ended."""
        self._pass_on(lambda: self._reader.lost(error))

    def _hear(self, told: str | OSError | None, connection: Connection) -> None:
        if not isinstance(told, str):
            connection.hang_up(told or OSError(errno.ECONNRESET, "The job manager's journal ended"))
            return
        entries = _entries(orjson.loads(told))
        if self._history is None:
            self._take(entries)
        elif entries:
            self._history += entries
        else:
            self._end_history(self._history)

    def _end_history(self, history: list[Entry]) -> None:
        """Pass on what was told job by job in the order in which it was told when it happened."""
        history = _in_order(history)
        for first in range(0, len(history), _AT_ONCE):
            self._take(history[first : first + _AT_ONCE])
        self._pass_on(self._reader.caught_up)
        self._history = None

    def _take(self, entries: list[Entry]) -> None:
        self._pass_on(lambda: self._reader.take(entries), len(entries))

    def _pass_on(self, step: Callable[[], None], size: int = 1) -> None:
        self._steps.append(_Step(step, size))
        if not self._is_awake:
            self._is_awake = True
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._work)

    def _work(self) -> None:
        taken = 0
        try:
            while self._steps and taken < _AT_ONCE:
                step = self._steps.popleft()
                step.tell()
                taken += step.size
        finally:
            self._is_awake = False
            if self._steps:
                self._is_awake = True
                self._loop.call_soon(self._work)


def _in_order(history: list[Entry]) -> list[Entry]:
    """By time; but a submission is told, with the time at which it was made, when it is validated."""
    told_at = [
        following.timestamp if entry.name == "submit" and following.job == entry.job else entry.timestamp
        for entry, following in zip(history, [*history[1:], *history[-1:]], strict=True)
    ]
    return [history[place] for place in sorted(range(len(history)), key=told_at.__getitem__)]


def _entries(told: dict[str, Any]) -> list[Entry]:
    jobspec, allocated = told.get("jobspec"), told.get("R")
    return [
        Entry(
            told["id"],
            event["name"],
            event["timestamp"],
            event.get("context") or {},
            jobspec if event["name"] == "submit" else None,
            allocated if event["name"] == "alloc" else None,
        )
        for event in told["events"]
    ]
