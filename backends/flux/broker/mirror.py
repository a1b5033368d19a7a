"""What this worker knows of the instance's jobs: a table of them, and the last events.

Everything here happens in the event loop. The journal is the only source, so every worker knows the same, whoever
submitted or cancelled; a worker that has just changed something waits until the journal told of it.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from opsgate.backends.errors import Timeout
from opsgate.backends.flux.broker import faults
from opsgate.backends.flux.broker.connection import Connection, Instance
from opsgate.backends.flux.broker.history import TRANSIENT, History
from opsgate.backends.flux.broker.journal import Entry, Journal
from opsgate.backends.flux.broker.log import Log
from opsgate.backends.flux.record import Record
from opsgate.backends.flux.states import State
from opsgate.backends.flux.table import Table

_log = logging.getLogger(__name__)
_DOING: Final = "The jobs of Flux cannot be read"


class Mirror:
    """The jobs of an instance, as its journal tells them.

    Args:
        connection: Leads to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.table = Table("")
        self.log = Log()
        self._histories: dict[int, History] = {}
        self._transient = 0
        self._user = os.getuid()
        self._is_current = False
        self._error: OSError | None = None
        self._waiting: dict[int | None, set[asyncio.Future[None]]] = defaultdict(set)
        connection.listen(lambda loop: Journal(self, loop))

    async def current(self) -> Table:
        """Return the table: it knows of everything that any worker has answered before this was asked."""
        await self.catch_up()
        return self.table

    async def catch_up(self) -> None:
        """Return when all is known that the job manager told anybody before this was called."""
        # The answer comes behind whatever the job manager has told until then: by the same way, in order.
        await self._connection.ask(
            "job-manager.ping",
            lambda handle, _: handle.rpc("job-manager.ping", {"seq": 1}, 0),
            lambda pending: pending.get(),
            doing=_DOING,
        )
        await self.until(None, lambda: self._is_current)

    async def until(self, number: int | None, holds: Callable[[], bool], seconds: float | None = None) -> None:
        """Return when something holds, which is looked at whenever something happens to a job, or any job.

        Args:
            number: The job; None for any.
            holds: What is waited for.
            seconds: How long; as long as for an answer, if not given.

        Raises:
            Timeout: It did not hold within these seconds.
            Unavailable: The instance was lost.
        """
        limit = self._connection.seconds if seconds is None else seconds
        try:
            async with asyncio.timeout(limit):
                while not holds():
                    await self.changed(number)
        except TimeoutError as error:
            raise Timeout(f"{_DOING}: it did not happen within {limit:g} seconds") from error

    async def changed(self, number: int | None) -> None:
        """Return when something happened to a job, or any job; `Unavailable` when the instance is lost."""
        waiter = asyncio.get_running_loop().create_future()
        waiting = self._waiting[number]
        waiting.add(waiter)
        try:
            await waiter
        finally:
            waiting.discard(waiter)
            if not waiting and self._waiting.get(number) is waiting:
                del self._waiting[number]
        if self._error is not None:
            raise faults.meaning(self._error, _DOING)

    @property
    def is_current(self) -> bool:
        """Whether there is a connection and all of its history has been read."""
        return self._is_current

    def begin(self, instance: Instance) -> None:
        """See `Reader`."""
        self.table = Table(f"flux-{instance.broker}-{instance.started}")
        self.log = Log()
        self._histories.clear()
        self._transient = 0
        self._is_current = False
        self._error = None

    def take(self, entries: list[Entry]) -> None:
        """See `Reader`."""
        touched: dict[int, History] = {}
        for entry in entries:
            self._take(entry, touched)
        for number in touched:
            self._put(number)
        self.table.mark(f"{self.log.end}-{self.log.last}-{self._transient}")
        if self._is_current:
            self._wake({entry.job for entry in entries} | {None})

    def caught_up(self) -> None:
        """See `Reader`."""
        self.log.end_history()
        self._is_current = True
        self._wake(set(self._waiting))

    def lost(self, error: OSError) -> None:
        """See `Reader`."""
        self._is_current = False
        self._error = error
        self._wake(set(self._waiting))

    def _take(self, entry: Entry, touched: dict[int, History]) -> None:
        history = self._histories.get(entry.job)
        if history is None:
            if entry.name != "submit" or entry.context.get("userid") != self._user:
                return  # of another user's job, or, of one that is over, what came long after: none of it is shown
            history = self._histories[entry.job] = History(entry.job)
        before = history.state
        try:
            history.add(entry.name, entry.timestamp, entry.context, entry.jobspec, entry.allocated)
        except (KeyError, TypeError, ValueError):  # an event of a shape that Flux did not have when this was written
            _log.exception("event %s of job %d is not understood", entry.name, entry.job)
        if entry.name == "invalidate":
            del self._histories[entry.job]
            self.table.remove(entry.job)
            touched.pop(entry.job, None)
            return
        if entry.name in TRANSIENT:
            self._transient += 1
        else:
            self.log.add(entry, history.events)
        touched[entry.job] = history
        if history.state != before and history.state >= State.RUN:
            self._put(entry.job)  # at once: lists are in the order in which jobs began, and ended
            touched.pop(entry.job)

    def _put(self, number: int) -> None:
        history = self._histories[number]
        if history.state > State.NEW:
            self.table.put(Record(history.attributes()))
        if history.state == State.INACTIVE:
            del self._histories[number]

    def _wake(self, numbers: set[int | None]) -> None:
        for number in numbers:
            for waiter in self._waiting.get(number, ()):
                if not waiter.done():
                    waiter.set_result(None)
