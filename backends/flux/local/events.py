"""`EventsPort` over the job engine's journal: each of its rows is told as the events that Flux would have told."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from opsgate.backends.errors import Invalid, NotFound
from opsgate.backends.flux import ids
from opsgate.backends.flux.local import numbers
from opsgate.backends.flux.local.submitting import API
from opsgate.backends.flux.local.telling import told
from opsgate.backends.flux.port import Event
from opsgate.backends.jobs import model
from opsgate.backends.jobs.engine import Engine, OpenEngine
from opsgate.backends.jobs.model import Job
from opsgate.backends.jobs.states import State

_ID: Final = re.compile(r"([0-9a-f]{1,16})-([0-9]{1,18})\.([0-9]{1,4})")
_LAST: Final = 9999
"""A place behind all events of a row."""
_AT_ONCE: Final = 100
"""Rows that are told before others get their turn."""


class Place(NamedTuple):
    """Where an event is: in which store's journal, in which row of it, and which of that row's events."""

    store: str
    change: int
    step: int

    @property
    def id(self) -> str:
        """As text, for those who come back."""
        return f"{self.store}-{self.change}.{self.step}"


class LocalEvents:
    """What happens to jobs of this machine.

    Args:
        engine: Gives the job engine.
    """

    def __init__(self, engine: OpenEngine) -> None:
        self._open = engine

    async def follow(self, after: str | None = None, job: int | None = None) -> AsyncIterator[Event]:
        """See `EventsPort`."""
        asked = None if after is None else _parse(after)
        engine = await self._open()
        one = None if job is None else await _job(engine, job)
        now = Place(f"{engine.identity():x}", await engine.last_change(), _LAST)
        first = await engine.first_change()
        place = asked or (now if one is None else now._replace(change=first - 1))
        if asked and (asked.store != now.store or not first - 1 <= asked.change <= now.change):
            yield Event(now.id, None, "reset", 0.0)
            place = now
        if one is None or not _is_past(one, max(place.change, first)):
            async for event in _behind(engine, place, one):
                yield event


async def _behind(engine: Engine, place: Place, one: Job | None) -> AsyncIterator[Event]:
    count = 0
    async for row in engine.follow_events(API, place.change - 1, None if one is None else one.id):
        for event in await _events(engine, place.store, row):
            if row.change > place.change or event[0] > place.step:
                yield event[1]
        if one is not None and row.event in (State.FINISHED, "deleted"):
            return
        count += 1
        if count % _AT_ONCE == 0:
            await asyncio.sleep(0)


async def _events(engine: Engine, store: str, row: model.Event) -> list[tuple[int, Event]]:
    """The events of a row, each with its index."""
    try:
        job = await engine.get(API, row.id)
    except NotFound:  # deleted since: there is nobody left to tell of
        return []
    number = numbers.of(job.seq)
    return [
        (index, Event(Place(store, row.change, index).id, number, name, row.at, context))
        for index, (name, context) in enumerate(told(row, job))
    ]


async def _job(engine: Engine, number: int) -> Job:
    try:
        return await engine.get(API, numbers.engine_id(number))
    except NotFound as error:
        raise ids.unknown(number) from error


def _is_past(job: Job, change: int) -> bool:
    """Whether nothing happens to a job from this number of the journal on."""
    return job.ended is not None and job.ended < change


def _parse(text: str) -> Place:
    found = _ID.fullmatch(text)
    if found is None:
        raise Invalid(f"{text[:64]!r} is not the id of an event")
    return Place(found[1], int(found[2]), int(found[3]))
