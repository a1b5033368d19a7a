"""One connection to ecflow_server: it carries one request and its answer."""

from __future__ import annotations

import asyncio
from typing import cast

from opsgate.backends.ecflow import wire
from opsgate.backends.errors import Broken, EngineError


class LostError(Exception):
    """The connection ended before any of the answer came."""


class Connection(asyncio.Protocol):
    """Sends a frame as soon as it is connected, and collects the answer.

    Args:
        frame: What to send.
        limit: The longest answer in bytes.
    """

    def __init__(self, frame: bytes, limit: int) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._frame = frame
        self._limit = limit
        self._chunks: list[bytes] = []
        self._received = 0
        self._expected: int | None = None
        self._transport: asyncio.Transport | None = None

    def close(self) -> None:
        """Close at once; a caller still waiting gets `LostError`."""
        if self._transport is not None:
            self._transport.abort()
        self._fail(LostError())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._frame)

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer."""
        self._chunks.append(data)
        self._received += len(data)
        try:
            self._take()
        except EngineError as error:
            self._fail(error)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it ended changes nothing
        """Tell the caller, if one is waiting."""
        if self._received:
            self._fail(Broken(f"ecflow_server broke off its answer after {self._received} bytes"))
        else:
            self._fail(LostError())

    def _take(self) -> None:
        if self._expected is None:
            if self._received < wire.HEADER:
                return
            self._expected = self._announced()
        if self._received >= self._expected and not self.answer.done():
            self.answer.set_result(b"".join(self._chunks)[wire.HEADER : self._expected])

    def _announced(self) -> int:
        self._chunks = [b"".join(self._chunks)]
        announced = wire.length(self._chunks[0][: wire.HEADER])
        if announced > self._limit:
            raise Broken(f"ecflow_server announced an answer of {announced} bytes, the limit is {self._limit}")
        return wire.HEADER + announced

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
