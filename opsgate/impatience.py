"""How a worker deals with clients that are connected and do not come to the point.

uvicorn has a limit for connections that have had their answer, none for those that never ask. Each has a descriptor, of
which a worker has only so many.
"""

from __future__ import annotations

import asyncio
from typing import Final

from opsgate.draining import Draining

PATIENCE: Final = 60.0
"""Seconds from a connection, or from the first byte of a further request, to the end of its headers; then between two
pieces of its body."""


class Impatient(Draining):
    """The protocol of our workers."""

    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A first request is to come."""
        super().connection_made(transport)
        self._set_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nothing to wait for any more."""
        self._set_no_limit()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read, and see what is still to come; most requests come as one piece and need no timer."""
        super().data_received(data)
        if self._is_whole():
            if self._limit is not None:
                self._set_no_limit()
        elif self._limit is None:
            self._set_limit()
        elif self._has_headers():
            self._set_no_limit()
            self._set_limit()

    def _has_headers(self) -> bool:
        """Whether the headers of the request that began last are here: uvicorn has made a cycle for it then."""
        return self.cycle is not None and self.cycle.scope is self.scope

    def _is_whole(self) -> bool:
        """Whether nothing of that request is still to come, or of use."""
        cycle = self.cycle
        return cycle is not None and cycle.scope is self.scope and (not cycle.more_body or cycle.response_complete)

    def _set_limit(self) -> None:
        self._limit = self.loop.call_later(PATIENCE, self._give_up)

    def _set_no_limit(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _give_up(self) -> None:
        if self.pipeline or self.flow.read_paused:  # it is we who are slow: an earlier request is not answered yet
            self._set_limit()
        else:
            self.transport.close()
