"""What each worker counted, in memory that all workers of a gateway share.

The memory belongs to no file: it is there from the master's start to the end of its last worker, however they end. Each
worker has a slot, which it writes once a second if something was counted, and when it ends; one that is killed takes at
most the last second with it. What ended workers have counted is added up in a slot of its own: counters never fall.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
from typing import Final

import msgspec

from opsgate.metrics.meter import Counts, Label, Meter

_PAUSE: Final = 1.0
_HALF: Final = 512 * 1024
_HEAD: Final = struct.Struct("=II")  # which half is valid, and how many bytes it has
_SLOT: Final = _HEAD.size + 2 * _HALF
_ENDED: Final = 0


class _Content(msgspec.Struct):
    answers: list[tuple[str, str, int, list[float]]]
    failures: list[tuple[str, str, int]]
    calls: list[tuple[str, str, list[float]]]


class Shared:
    """The counts of all workers of one gateway.

    Attributes:
        meter: Counts in this process.
    """

    def __init__(self, workers: int = 0) -> None:
        """Make room for so many workers at a time; with none, this process is the only one."""
        self.meter = Meter()
        self._memory = mmap.mmap(-1, (workers + 1) * _SLOT)
        self._free = set(range(1, workers + 1))
        self._slots: dict[int, int] = {}
        self._own = _ENDED
        self._written = b""

    def before_fork(self, worker: int) -> None:
        """In the master: have a slot ready for this worker (a number never used again)."""
        self._slots[worker] = self._free.pop() if self._free else _ENDED

    def after_fork(self, worker: int) -> None:
        """In a worker: this process is it."""
        self._own = self._slots[worker]

    def after_end(self, worker: int) -> None:
        """In the master: a worker is gone; its counts go to those of the ended ones."""
        slot = self._slots.pop(worker, _ENDED)
        if slot != _ENDED:
            total = self._read(_ENDED)
            total.add(self._read(slot))
            # For a moment they are counted twice, never not at all: less would look like a restart of the service.
            self._write(_ENDED, _encoded(total))
            self._write(slot, b"")
            self._free.add(slot)

    def total(self) -> Counts:
        """What all workers have counted: this one up to now, the others up to a second ago."""
        total = self.meter.counts()
        for slot in range(len(self._memory) // _SLOT):
            if slot == _ENDED or slot != self._own:
                total.add(self._read(slot))
        return total

    async def keep_writing(self) -> None:
        """In a worker: publish what is counted, until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(_PAUSE)
                self.publish()
        finally:
            self.publish()

    def publish(self) -> None:
        """In a worker: let the others see what was counted up to now."""
        if self._own == _ENDED:
            return
        data = _encoded(self.meter.counts())
        if data != self._written:
            self._write(self._own, data)
            self._written = data

    def _write(self, slot: int, data: bytes) -> None:
        """Fill the half that nobody reads, then turn to it; more than fits is not told."""
        if len(data) > _HALF:
            return
        begin = slot * _SLOT
        half = 1 - _HEAD.unpack_from(self._memory, begin)[0]
        place = begin + _HEAD.size + half * _HALF
        self._memory[place : place + len(data)] = data
        _HEAD.pack_into(self._memory, begin, half, len(data))

    def _read(self, slot: int) -> Counts:
        begin = slot * _SLOT
        half, size = _HEAD.unpack_from(self._memory, begin)
        place = begin + _HEAD.size + half * _HALF
        return _decoded(self._memory[place : place + size])


def _encoded(counts: Counts) -> bytes:
    return msgspec.json.encode(
        _Content(
            [(label.api, label.operation, status, tally) for (label, status), tally in counts.answers.items()],
            [(api, meaning, number) for (api, meaning), number in counts.failures.items()],
            [(engine, name, tally) for (engine, name), tally in counts.calls.items()],
        )
    )


def _decoded(data: bytes) -> Counts:
    try:
        content = msgspec.json.decode(data, type=_Content)
    except msgspec.DecodeError:  # nothing yet, or read for so long that the half was written a second time
        return Counts({}, {}, {})
    return Counts(
        {(Label(api, operation), status): tally for api, operation, status, tally in content.answers},
        {(api, meaning): number for api, meaning, number in content.failures},
        {(engine, name): tally for engine, name, tally in content.calls},
    )
