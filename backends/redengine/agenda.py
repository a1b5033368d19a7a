"""Which task to look at when: a heap whose outdated entries are left lying until they come up."""

from __future__ import annotations

import heapq

from opsgate.backends.redengine.conditions.clock import NEVER


class Agenda:
    """Moments, one per task, in seconds since 1970."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._at: dict[int, float] = {}

    def put(self, seq: int, at: float) -> None:
        """Look at a task then, and not when it was said before; NEVER for not at all."""
        if at == NEVER:
            self._at.pop(seq, None)
        elif self._at.get(seq) != at:
            self._at[seq] = at
            heapq.heappush(self._heap, (at, seq))

    def next(self) -> float:
        """Return the first moment; NEVER without one."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else NEVER

    def take(self, now: float) -> set[int]:
        """Return the tasks whose moment has come, and forget it."""
        found: set[int] = set()
        while self.next() <= now:
            _, seq = heapq.heappop(self._heap)
            del self._at[seq]
            found.add(seq)
        return found
