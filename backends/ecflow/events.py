"""What changes in the definition, as it changes: told from two states of the copy.

Events that were found together carry one id, the change numbers behind them. Whoever comes back with an id of any
worker gets all that was found since: perhaps again, never less.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator

from msgspec import Struct

from opsgate.backends.ecflow.mirror import Mirror
from opsgate.backends.ecflow.model import Node
from opsgate.backends.ecflow.port import Change, Event, JsonObject, compact
from opsgate.backends.ecflow.snapshot import Snapshot
from opsgate.backends.ecflow.trees import display

_REMEMBERED = 10_000
"""Events that are kept for those who come back."""
_WAITING = 10_000
"""Events that wait for one who reads slowly; with more, a `reset` takes their place."""


class _Batch(Struct, frozen=True):
    """What was found between two states."""

    old: Change
    new: Change
    events: tuple[Event, ...]


class Events:
    """`EventsPort` of one server."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._batches: deque[_Batch] = deque()
        self._remembered = 0
        self._queues: set[asyncio.Queue[Event]] = set()
        mirror.listen(self._changed)

    async def subscribe(self, after: str | None = None) -> AsyncIterator[Event]:
        """Yield changes from now on, or from just behind the event with the id `after`."""
        queue: asyncio.Queue[Event] = asyncio.Queue()
        with self._mirror.watched():
            present = (await self._mirror.current(fresh=True)).change
            missed = [] if after is None else self._since(after, present)
            self._queues.add(queue)
            try:
                for event in missed:
                    yield event
                while True:
                    yield await queue.get()
            finally:
                self._queues.discard(queue)

    def _since(self, after: str, present: Change) -> list[Event]:
        """Return the events behind an id, or a `reset` where some of them are not known."""
        place = _parse(after)
        if after == present.id:
            return []
        known = [batch for batch in self._batches if batch.new.server == present.server]
        same = place is not None and place[0] == compact(present.server)
        if not same or place is None or not known or _beginning(known[0]) > place[1:]:
            return [_reset(present)]
        return [event for batch in known if (batch.new.state, batch.new.modify) > place[1:] for event in batch.events]

    def _changed(self, old: Snapshot | None, new: Snapshot) -> None:
        events = tuple(_found(old, new))
        if old is not None:
            self._remember(_Batch(old.change, new.change, events))
        for queue in self._queues:
            _hand_over(queue, events, new.change)

    def _remember(self, batch: _Batch) -> None:
        if self._batches and self._batches[-1].new != batch.old:
            self._batches.clear()
            self._remembered = 0
        self._batches.append(batch)
        self._remembered += 1 + len(batch.events)
        while self._remembered > _REMEMBERED and len(self._batches) > 1:
            self._remembered -= 1 + len(self._batches.popleft().events)


def _beginning(batch: _Batch) -> tuple[int, int]:
    """Return the numbers from which on all is known with a batch: with the first of a server that is another, all."""
    old = batch.old
    return (old.state, old.modify) if old.server == batch.new.server else (0, 0)


def _parse(text: str) -> tuple[str, int, int] | None:
    found = re.match(r"(\w*)-(\d+)-(\d+)\Z", text, re.ASCII)
    return (found[1], int(found[2]), int(found[3])) if found else None


def _reset(change: Change) -> Event:
    return Event(change.id, "reset", {})


def _hand_over(queue: asyncio.Queue[Event], events: tuple[Event, ...], change: Change) -> None:
    if queue.qsize() + len(events) <= _WAITING:
        for event in events:
            queue.put_nowait(event)
        return
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(_reset(change))


def _found(old: Snapshot | None, new: Snapshot) -> Iterator[Event]:
    if old is None or old.change.server != new.change.server:
        yield _reset(new.change)
        return
    identity = new.change.id
    added: list[str] = []
    removed: list[str] = []
    states = list(_below(old.definition.root, new.definition.root, "", (added, removed)))
    if added or removed:
        yield Event(identity, "structure", {"added": added, "removed": removed})
    for data in states:
        yield Event(identity, "state", data)


def _below(old: Node, new: Node, path: str, moved: tuple[list[str], list[str]]) -> Iterator[JsonObject]:
    """Yield the changes of state below a node; note in `moved` what came and what went."""
    if old.children is new.children:
        return
    moved[1].extend(f"{path}/{child.name}" for child in old.children if new.child(child.name) is None)
    for child in new.children:
        before = old.child(child.name)
        if before is None:
            moved[0].append(f"{path}/{child.name}")
        elif before is not child:
            yield from _of_node(before, child, f"{path}/{child.name}")
            yield from _below(before, child, f"{path}/{child.name}", moved)


def _of_node(old: Node, new: Node, path: str) -> Iterator[JsonObject]:
    if _state(old) != _state(new):
        yield {
            "path": path,
            "status": display(new),
            "previous": display(old),
            "state": new.run.state,
            "default_status": new.details.default_state,
        }


def _state(node: Node) -> tuple[str, bool, str]:
    return node.run.state, node.run.suspended, node.details.default_state
