"""How often a backend called its engine, how often in vain, and how long that took.

Whoever sends calls counts them, in one place per engine; the service adds up what its workers counted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from time import perf_counter
from typing import Final, Protocol, TypeVar, runtime_checkable

from opsgate.backends.errors import Broken, Timeout, Unavailable

T = TypeVar("T")
Tally = list[float]
"""The number of calls, of those that failed, and the seconds of all of them together."""

FAILURES: Final = (Unavailable, Timeout, Broken)
"""What the engine is to blame for; all else is an answer."""


class Calls:
    """The calls of one process to one engine. They are half a microsecond's work each, and need no lock.

    Args:
        engine: What the engine is called.
    """

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self._tallies: dict[str, Tally] = {}

    @property
    def tallies(self) -> Mapping[str, Tally]:
        """What was counted, by the name of the call; goes on counting."""
        return self._tallies

    async def counted(self, name: str, call: Awaitable[T]) -> T:
        """Return the result of a call, and count it; one that is cancelled counts as well, but not as a failure.

        Args:
            name: What it is called: one of a few names that are in our code, never a client's word.
            call: The call.
        """
        failed = 0
        began = perf_counter()
        try:
            return await call
        except FAILURES:
            failed = 1
            raise
        finally:
            tally = self._tallies.get(name) or self._tallies.setdefault(name, [0, 0, 0.0])
            tally[0] += 1
            tally[1] += failed
            tally[2] += perf_counter() - began


@runtime_checkable
class Calling(Protocol):
    """A backend whose calls are counted."""

    @property
    def calls(self) -> Sequence[Calls]:
        """The counts, one for each engine that it calls; the same ones as long as it lives."""
