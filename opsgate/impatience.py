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
_NOTHING, _HEADERS, _BODY = range(3)


class Impatient(Draining):
    """The protocol of our workers."""

    _awaited = _NOTHING
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A first request is to come."""
        super().connection_made(transport)
        self._set_limit()

    def connection_lost(self, exc: Exception | None) -> None:
        """There is nothing to wait for any more."""
        self._set_no_limit()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._awaited = _HEADERS
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its body is to come, if it has one."""
        self._awaited = _BODY
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is here."""
        self._awaited = _NOTHING
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Read, and see what is still to come; most requests come as one piece and need no timer."""
        super().data_received(data)
        if self._awaited == _HEADERS and self._limit is not None:
            return
        self._set_no_limit()
        if self._awaited != _NOTHING:
            self._set_limit()

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
