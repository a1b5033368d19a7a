"""Equal reads that overlap are answered together, and never with an answer older than the question.

A read that finds an equal one under way waits for the next call, which is sent after it came and serves everyone who
came in the meantime. So a read that follows a write sees it, and the daemon has at most one call of each kind at a
time, whatever the number of callers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from copy import copy
from typing import Any

from opsgate.backends.errors import EngineError, Unavailable

_Outcome = tuple[Any, Exception | None]
_Call = Callable[[], Awaitable[Any]]


class Coalescing:
    """Reads, by what they ask. Results are shared: nobody may change them."""

    def __init__(self) -> None:
        self._next: dict[Hashable, asyncio.Future[_Outcome]] = {}
        self._running: dict[Hashable, asyncio.Task[None]] = {}

    async def call(self, key: Hashable, call: _Call) -> Any:
        """Return the result of a `call` that begins after this one did.

        Args:
            key: What is asked: callers with equal keys are served together.
            call: Asks it; must not depend on who calls.

        Raises:
            Exception: What `call` raised, an instance for each caller.
        """
        outcome = self._next.get(key)
        if outcome is None:
            loop = asyncio.get_running_loop()
            outcome = self._next[key] = loop.create_future()
            if key not in self._running:
                self._running[key] = loop.create_task(self._serve(key, call))
        # A caller that is cancelled leaves the others' call alone.
        result, error = await asyncio.shield(outcome)
        if error is not None:
            raise copy(error) from error
        return result

    async def aclose(self) -> None:
        """End all calls; their callers get `Unavailable`."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for outcome in self._next.values():
            outcome.set_result((None, _closed()))
        self._next.clear()
        self._running.clear()  # a task cancelled before its first step has not done so itself

    async def _serve(self, key: Hashable, call: _Call) -> None:
        try:
            while (outcome := self._next.pop(key, None)) is not None:
                await _settle(outcome, call)
        finally:
            del self._running[key]


async def _settle(outcome: asyncio.Future[_Outcome], call: _Call) -> None:
    try:
        outcome.set_result((await call(), None))
    except asyncio.CancelledError:
        outcome.set_result((None, _closed()))
        raise
    except Exception as error:
        outcome.set_result((None, error))


def _closed() -> EngineError:
    return Unavailable("the connection to supervisord was closed")
