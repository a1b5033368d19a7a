"""Counters that all workers share without waiting for each other: each has a line of its own in common memory."""

from __future__ import annotations

import mmap
import os
import struct
import time
from typing import Final

_LINE: Final = struct.Struct("=QQQ")
_LINES: Final = 4096
"""Workers that get a line of their own, restarted ones included; those behind share the first."""


class Statistics:
    """Made before the workers are forked."""

    def __init__(self) -> None:
        """Begin to count."""
        self._memory = mmap.mmap(-1, _LINE.size * _LINES)
        self._free, numbers = os.pipe()
        os.set_blocking(self._free, False)
        os.write(numbers, b"".join(number.to_bytes(2, "big") for number in range(1, _LINES)))
        os.close(numbers)
        self._since = time.time()
        self._pid, self._at = 0, 0
        self._own = [0, 0, 0]

    def count(self, *, failed: bool, cached: bool) -> None:
        """Note one request."""
        if self._pid != os.getpid():
            self._begin()
        own = self._own
        own[0] += 1
        own[1] += failed
        own[2] += cached
        _LINE.pack_into(self._memory, self._at, *own)

    async def totals(self) -> dict[str, object]:
        """What all workers counted, the present request not included."""
        sums = [sum(column) for column in zip(*_LINE.iter_unpack(self._memory[:]), strict=True)]
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._since))
        return {"num_requests": sums[0], "num_errors": sums[1], "num_cached_requests": sums[2], "since": since}

    def _begin(self) -> None:
        """Take a line: reading its number from the pipe is what no two workers can do."""
        self._pid = os.getpid()
        try:
            number = int.from_bytes(os.read(self._free, 2), "big")
        except BlockingIOError:
            number = 0
        self._at = number * _LINE.size
        self._own = list(_LINE.unpack_from(self._memory, self._at))
