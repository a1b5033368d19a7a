"""The copy of the definition that one worker answers from.

It is looked after when someone reads, not by the clock: a read is answered from the copy if nothing was changed through
any worker since the server was last asked, and that was a moment ago; otherwise the server is asked first, once for
all who wait. The clock only keeps the copy from growing old while nobody reads, ever more seldom.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

from opsgate.backends.ecflow.barrier import Barrier
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.snapshot import Snapshot
from opsgate.backends.ecflow.syncing import Syncing
from opsgate.backends.errors import Away, Broken, EngineError, Timeout

_log = logging.getLogger(__name__)

_MINUTE = 60.0
_LEAST_DRIFT = 30.0
"""The documented least value of the longest interval."""
_AGAIN = 5.0
"""Seconds until the server is asked again after a failure while nobody reads."""

Listener = Callable[[Snapshot | None, Snapshot], None]


class _Look:
    """One question to the server: when it was asked, and the mark before that."""

    def __init__(self, mark: bytes, task: asyncio.Task[Snapshot]) -> None:
        self.mark = mark
        self.asked = time.monotonic()
        self.task = task


async def _shared(task: asyncio.Task[Snapshot]) -> Snapshot:
    """Return the result of a task that others wait for as well, and that goes on when this caller is cancelled."""
    await asyncio.wait({task})  # raises CancelledError only when it is the caller who is cancelled
    if task.cancelled():
        raise Away("the connection to ecflow_server was closed")
    error = task.exception()
    if error is not None:
        raise copy(error) from error  # each caller needs one of its own
    return task.result()


class Mirror:
    """The copy.

    Args:
        syncing: Gets it.
        barrier: Tells of commands of all workers.
        limits: How old it may be.
    """

    def __init__(self, syncing: Syncing, barrier: Barrier, limits: Limits) -> None:
        self._syncing = syncing
        self._barrier = barrier
        self._limits = limits
        self._age = limits.age if barrier.shared else 0.0
        self._snapshot: Snapshot | None = None
        self._mark = b""
        self._asked = 0.0
        self._look: _Look | None = None
        self._read = time.monotonic()
        self._poller: asyncio.Task[None] | None = None
        self._listeners: list[Listener] = []
        self._watchers = 0
        self._closed = False

    @property
    def latest(self) -> Snapshot | None:
        """What is known without asking."""
        return self._snapshot

    async def current(self, *, fresh: bool = False) -> Snapshot:
        """Return a state of the definition that shows every command answered before this call.

        Args:
            fresh: Whether it must show what others did before this call, too.

        Raises:
            Away: The server cannot be reached, and what is known is too old.
            Timeout: It does not answer, and what is known is too old.
            Broken: It answered with nonsense.
        """
        self._refuse_closed()
        self._read = time.monotonic()
        mark = self._barrier.value()
        age = 0.0 if fresh else self._age
        if self._snapshot is not None and self._mark == mark and self._read - self._asked < age:
            return self._snapshot
        try:
            return await self._looked(self._read, age)
        except (Away, Timeout):
            if not fresh and self._good_enough(self._barrier.value()):
                assert self._snapshot is not None  # noqa: S101 - else it would not be good enough
                return self._snapshot
            raise

    def listen(self, listener: Listener) -> None:
        """Have `listener` called with the old and the new state at each change that is noticed."""
        self._listeners.append(listener)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Ask the server more often for a while: somebody follows what changes."""
        self._watchers += 1
        if self._watchers == 1:
            self._poll_anew()
        try:
            yield
        finally:
            self._watchers -= 1

    async def aclose(self) -> None:
        """Stop asking."""
        self._closed = True
        tasks: list[asyncio.Task[Any]] = [self._poller] if self._poller else []
        if self._look:
            tasks.append(self._look.task)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _looked(self, since: float, age: float) -> Snapshot:
        """Return what a look showed that began after `since`, or a little before and after all marks.

        When the look under way began too early but fails, that is the answer: another one would fail as well, and
        the caller has waited long enough.
        """
        while True:
            look = self._look
            if look is None or look.task.done():  # of one that is done, the end may not have been noted yet
                look = self._begin()
            if look.asked >= since or (look.mark == self._barrier.value() and look.asked >= since - age):
                return await _shared(look.task)
            try:
                await _shared(look.task)
            except Broken:
                continue

    def _begin(self) -> _Look:
        self._refuse_closed()
        mark = self._barrier.value()
        look = self._look = _Look(mark, asyncio.get_running_loop().create_task(self._ask(mark, time.monotonic())))
        look.task.add_done_callback(self._end)
        if self._poller is None:
            self._poll_anew()
        return look

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Away("the connection to ecflow_server was closed")

    def _end(self, task: asyncio.Task[Snapshot]) -> None:
        if self._look is not None and self._look.task is task:
            self._look = None
        if not task.cancelled():
            task.exception()  # those who wait get it; nobody may be waiting

    async def _ask(self, mark: bytes, asked: float) -> Snapshot:
        old = self._snapshot
        if old is None:
            start, definition = await self._syncing.first()
        else:
            start, definition = await self._syncing.next(old.change.server, old.definition)
        new = old
        if new is None or definition is not new.definition or start != new.change.server:
            new = Snapshot(start, definition, self._limits.documents_bytes)
        self._snapshot, self._mark, self._asked = new, mark, asked
        if new is not old:
            for listener in self._listeners:
                listener(old, new)
        return new

    def _good_enough(self, mark: bytes) -> bool:
        """Tell whether the copy may be shown while the server is away: it is not old, and no command came after it."""
        fresh = time.monotonic() - self._asked < self._limits.polling_interval
        return self._snapshot is not None and self._mark == mark and fresh

    def _poll_anew(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
        self._poller = asyncio.get_running_loop().create_task(self._poll())

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._interval())
            try:
                await self._looked(time.monotonic(), self._age)
            except EngineError as error:
                _log.warning("The copy of the definition may be old: %s", error)
                await asyncio.sleep(_AGAIN)
            except Exception:  # a text that we misread: the copy stays, and must not stay for ever
                _log.exception("The definition cannot be taken over")
                await asyncio.sleep(_AGAIN)

    def _interval(self) -> float:
        if self._watchers:
            return min(self._limits.watch_interval, self._limits.polling_interval)
        least, most = self._limits.polling_interval, self._limits.max_polling_interval
        if most <= least:
            return least
        idle = (time.monotonic() - self._read) // _MINUTE
        return min(max(_LEAST_DRIFT, most), least + idle)
