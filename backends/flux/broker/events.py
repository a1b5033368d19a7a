"""`EventsPort` over Flux: the journal, as the mirror keeps it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final

from opsgate.backends.flux.broker.jobs import BrokerJobs
from opsgate.backends.flux.broker.mirror import Mirror
from opsgate.backends.flux.port import Event

_LAST: Final = "clean"


class BrokerEvents:
    """What happens to jobs of an instance.

    Args:
        mirror: What is known of it.
        jobs: Its jobs.
    """

    def __init__(self, mirror: Mirror, jobs: BrokerJobs) -> None:
        self._mirror = mirror
        self._jobs = jobs

    async def follow(self, after: str | None = None, job: int | None = None) -> AsyncIterator[Event]:
        """See `EventsPort`."""
        await self._mirror.current()
        log = self._mirror.log
        if job is not None:
            await self._jobs.job(job)
        place = log.find(after, job) if after is not None else (log.end if job is None else log.start)
        if place is None:
            place = log.end
            yield Event(log.last or "0-0-0", None, "reset", time.time())
        async for event in self._behind(place, job):
            yield event
            if job is not None and event.name == _LAST:
                return

    async def _behind(self, place: int, job: int | None) -> AsyncIterator[Event]:
        """The events from a place on, of one job or of all; of one that is over, until the last there is."""
        log = self._mirror.log
        while True:
            for reached, event in list(log.behind(place)):
                place = reached
                if job is None or event.job == job:
                    yield event
            if place < log.end:
                continue
            if job is not None and self._is_past(job):
                return
            await self._mirror.changed(job)
            if self._mirror.log is not log:
                return

    def _is_past(self, job: int) -> bool:
        record = self._mirror.table.get(job)
        return record is None or record.is_inactive
