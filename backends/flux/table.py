"""All jobs in memory, in Flux's order, to be listed without asking anybody.

Each worker has a table of its own, which its engine feeds with what happens. Jobs are written as JSON once per change,
pages are kept until something changes. Nothing here waits or is aware of threads: it belongs to one event loop.
"""

from __future__ import annotations

import bisect
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Final

from opsgate.backends.flux import search
from opsgate.backends.flux.port import Selection
from opsgate.backends.flux.record import Page, Record
from opsgate.backends.flux.states import KINDS, PENDING, RUNNING, Result, State, mask

MOST_INACTIVE: Final = 10_000
"""Jobs that are over and still listed: some 35 MB of memory, when all of them were asked for in both forms."""
_MOST_PAGES: Final = 16
_RESULTS: Final = {result.name: int(result) for result in Result}
_Wanted = Callable[[Record], bool]


class Table:
    """The jobs of one engine.

    Args:
        origin: Tells this engine, and this life of it, from others: a part of `Page.change`.
        most_inactive: How many jobs that are over are kept, the last ones to end.
    """

    def __init__(self, origin: str, most_inactive: int = MOST_INACTIVE) -> None:
        self._origin = origin
        self._most_inactive = most_inactive
        self._number: object = 0
        self._records: dict[int, Record] = {}
        self._pending: list[tuple[int, int]] = []
        self._running: dict[int, None] = {}
        self._inactive: OrderedDict[int, None] = OrderedDict()
        self._pages: dict[Selection, Page] = {}

    def __len__(self) -> int:
        return len(self._records)

    @property
    def change(self) -> str:
        """The same as long as nothing changed."""
        return f"{self._origin}-{self._number}"

    def get(self, number: int) -> Record | None:
        """Return a job, None if it is not, or not any more, in the table."""
        return self._records.get(number)

    def put(self, record: Record) -> None:
        """Add a job, or replace it by what it is now.

        Those that begin to run, and those that end, must come in that order: they are listed in it.
        """
        known = self._records.get(record.id)
        if known is None or _place(known) != _place(record):
            if known is not None:
                self._take_out(known)
            self._add(record)
        self._records[record.id] = record
        self._pages.clear()
        if len(self._inactive) > self._most_inactive:
            del self._records[self._inactive.popitem(last=False)[0]]

    def remove(self, number: int) -> None:
        """Forget a job, if it is there."""
        record = self._records.pop(number, None)
        if record is not None:
            self._take_out(record)
            self._pages.clear()

    def clear(self) -> None:
        """Forget all jobs."""
        for part in (self._records, self._pending, self._running, self._inactive, self._pages):
            part.clear()

    def mark(self, number: object) -> None:
        """Say which change it shows now; the same number must always mean the same jobs."""
        if number != self._number:
            self._number = number
            self._pages.clear()

    def page(self, selection: Selection) -> Page:
        """Return the jobs that are selected; `Invalid` for a state or result that Flux does not have."""
        page = self._pages.get(selection)
        if page is None:
            page = self._make(selection)
            if len(self._pages) >= _MOST_PAGES:
                del self._pages[next(iter(self._pages))]
            self._pages[selection] = page
        return page

    def by_state(self) -> dict[str, int]:
        """Return how many jobs are in each state, by its name."""
        numbers = dict.fromkeys(State.__members__, 0) | {State.INACTIVE.name: len(self._inactive)}
        for number in chain((number for _, number in self._pending), self._running):
            numbers[self._records[number].state_name] += 1
        return numbers

    def _add(self, record: Record) -> None:
        if record.is_pending:
            bisect.insort(self._pending, (-record.priority, record.id))
        elif record.is_running:
            self._running[record.id] = None
        else:
            self._inactive[record.id] = None

    def _take_out(self, record: Record) -> None:
        if record.is_pending:
            del self._pending[bisect.bisect_left(self._pending, (-record.priority, record.id))]
        elif record.is_running:
            del self._running[record.id]
        else:
            del self._inactive[record.id]

    def _make(self, selection: Selection) -> Page:
        states, wanted = mask(selection.states, KINDS), _conditions(selection)
        records, total = self._in_order(states), self._count(states)
        if wanted or total is None:
            found = [record for record in records if record.state & states and all(holds(record) for holds in wanted)]
            records, total = iter(found), len(found)
        first = max(0, selection.offset)
        end = None if selection.limit is None else first + max(0, selection.limit)
        return Page(list(islice(records, first, end)), total, self.change)

    def _in_order(self, states: int) -> Iterator[Record]:
        numbers: list[Iterable[int]] = []
        if states & PENDING:
            numbers.append(number for _, number in self._pending)
        if states & RUNNING:
            numbers.append(reversed(self._running))
        if states & State.INACTIVE:
            numbers.append(reversed(self._inactive))
        return map(self._records.__getitem__, chain.from_iterable(numbers))

    def _count(self, states: int) -> int | None:
        """How many jobs are in these states; None if they have to be looked at for that."""
        sizes = {PENDING: len(self._pending), RUNNING: len(self._running), int(State.INACTIVE): len(self._inactive)}
        if any(states & kind not in (0, kind) for kind in sizes):
            return None
        return sum(size for kind, size in sizes.items() if states & kind)


def _place(record: Record) -> tuple[int, int]:
    """What decides where a job stands."""
    return (0, record.priority) if record.is_pending else (1 + record.is_inactive, 0)


def _conditions(selection: Selection) -> list[_Wanted]:
    conditions: list[_Wanted] = []
    if selection.results:
        results = mask(selection.results, _RESULTS)
        conditions.append(lambda record: bool((record.result or 0) & results))
    if selection.name is not None:
        conditions.append(lambda record: record.name == selection.name)
    if selection.since > 0:
        conditions.append(lambda record: not record.is_inactive or record.ended_at >= selection.since)
    if selection.search:
        matches = search.matcher(selection.search)
        conditions.append(lambda record: matches(record.searched))
    return conditions
