"""The last events of an instance, in their order, with places to go on from."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from itertools import dropwhile, islice, takewhile
from typing import Final

from opsgate.backends.errors import Invalid
from opsgate.backends.flux.broker.journal import Entry
from opsgate.backends.flux.port import Event

MOST: Final = 20_000
"""Events that are kept."""
_ID: Final = re.compile(r"([0-9]{1,20})-([0-9]{1,20})-([0-9]{1,9})")
_MICROSECONDS: Final = 1_000_000
_NEAR: Final = 1.0
"""Seconds between the time of an event and that at which it is told, at the most."""


class Log:
    """Events by their place, an ever growing number."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=MOST)
        self._added = 0
        self._history = 0
        self.last = ""

    @property
    def end(self) -> int:
        """The place behind the last event."""
        return self._added

    @property
    def start(self) -> int:
        """The place of the first event that is kept."""
        return self._added - len(self._events)

    def add(self, entry: Entry, index: int) -> None:
        """Add an event, the so-many-th of its job."""
        self.last = f"{round(entry.timestamp * _MICROSECONDS)}-{entry.job}-{index}"
        self._events.append(Event(self.last, entry.job, entry.name, entry.timestamp, entry.context))
        self._added += 1

    def behind(self, place: int) -> Iterator[tuple[int, Event]]:
        """Yield the events from a place on, each with the place behind it; nothing may be added meanwhile."""
        first = max(0, place - self.start)
        for number, event in enumerate(islice(self._events, first, None), self.start + first):
            yield number + 1, event

    def end_history(self) -> None:
        """Take notice that all until now was read from history, and what comes is told as it happens."""
        self._history = self._added

    def find(self, text: str, job: int | None = None) -> int | None:
        """Return the place behind the event with this id; None where it cannot be known what came behind it.

        Args:
            text: The id.
            job: The only job whose events count, if there is one.

        Raises:
            Invalid: It is no id.
        """
        found = _ID.fullmatch(text)
        if found is None:
            raise Invalid(f"{text[:64]!r} is not the id of an event")
        for back, event in enumerate(reversed(self._events)):
            if event.id == text:
                place = self._added - back
                return place if job is not None or not self._is_mixed(place, event) else None
        return None

    def _is_mixed(self, place: int, event: Event) -> bool:
        """Whether other jobs' events are so near that another worker may have told them in another order.

        History has them by their times, which is not quite the order in which they were told.
        """
        if place > self._history:
            return False
        around = takewhile(lambda other: other.timestamp < event.timestamp + _NEAR, self._from(event.timestamp - _NEAR))
        return any(other.job != event.job for other in around)

    def _from(self, timestamp: float) -> Iterator[Event]:
        return dropwhile(lambda event: event.timestamp < timestamp, self._events)
