"""XML-RPC calls to one supervisord over HTTP/1.1, each with a time limit.

read    on a connection that is kept; sent once more when that one proves stale
act     on a connection of its own, sent once
wait    the same with the long limit, and beyond the number of short calls: none of them has to wait for it
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opsgate.backends.calls import Calls
from opsgate.backends.errors import Timeout, Unavailable
from opsgate.backends.supvisors.address import Address
from opsgate.backends.supvisors.connection import Answer, Connection, LastingConnection, LostError
from opsgate.backends.supvisors.faults import AWAY, of_status
from opsgate.backends.supvisors.limits import Limits

_OK = 200
_OUTCOME_UNKNOWN = ": whether it took effect is unknown"


class Transport:
    """The connections to one daemon; none is made before the first call.

    Attributes:
        calls: The calls that were sent.
    """

    def __init__(self, address: Address, limits: Limits) -> None:
        self.calls = Calls("supervisord")
        self._address = address
        self._limits = limits
        self._head = _head(address)
        self._short_calls = asyncio.Semaphore(limits.connections)
        self._waiting = 0
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._closed = False

    async def read(self, method: str, body: bytes) -> bytes:
        """Send a call that changes nothing and return the body of its answer.

        Raises:
            Unavailable: The daemon cannot be reached or went away.
            Timeout: It did not answer within the short limit.
            Broken: It answered with something other than HTTP, with a failure, or with too much.
            Invalid: It could not read the arguments.
        """
        return await self.calls.counted(method, self._short_read(method, body))

    async def act(self, method: str, body: bytes) -> bytes:
        """Send a call that changes something and that the daemon answers at once. Failures as in `read`."""
        return await self.calls.counted(method, self._short_act(method, body))

    async def wait(self, method: str, body: bytes) -> bytes:
        """Send a call that the daemon answers when something has come about. Failures as in `read`.

        Raises:
            Unavailable: As many callers wait as may; nothing was sent.
        """
        if self._waiting >= self._limits.waiting:
            raise Unavailable(f"{self._waiting} calls are already waiting for supervisord", retry_after=AWAY)
        self._waiting += 1
        try:
            return await self.calls.counted(method, self._long_act(method, body))
        finally:
            self._waiting -= 1

    async def aclose(self) -> None:
        """Close all connections; calls under way end with `Unavailable`."""
        self._closed = True
        for connection in list(self._open):
            self._drop(connection)
        self._idle.clear()
        await asyncio.sleep(0)  # the event loop closes the sockets in its next turn

    async def _short_read(self, method: str, body: bytes) -> bytes:
        async with self._limited(self._limits.short, method), self._short_calls:
            return self._content(await self._read(method, self._request(body)), method)

    async def _short_act(self, method: str, body: bytes) -> bytes:
        async with self._limited(self._limits.short, method, _OUTCOME_UNKNOWN), self._short_calls:
            return self._content(await self._act(method, body), method)

    async def _long_act(self, method: str, body: bytes) -> bytes:
        async with self._limited(self._limits.long, method, _OUTCOME_UNKNOWN):
            return self._content(await self._act(method, body), method)

    async def _read(self, method: str, request: bytes) -> Answer:
        if (kept := self._kept()) is not None:
            try:
                return await self._exchange(kept, request)
            except LostError as error:
                if error.answered:
                    raise self._went_away(method) from error
        # None was kept, or it had gone stale without our knowing: once more, on a new one.
        connection = Connection(self._limits.answer_bytes)
        await self._connect(connection)
        try:
            return await self._exchange(connection, request)
        except LostError as error:
            raise self._went_away(method) from error

    def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
            self._drop(connection)
        return None

    async def _exchange(self, connection: Connection, request: bytes) -> Answer:
        try:
            answer = await connection.exchange(request)
        except BaseException:
            self._drop(connection)
            raise
        if connection.closed:
            self._drop(connection)
        else:
            self._idle.append(connection)
        return answer

    async def _act(self, method: str, body: bytes) -> Answer:
        connection = LastingConnection(self._limits.answer_bytes)
        await self._connect(connection)
        try:
            return await connection.exchange(self._request(body, b"Connection: close\r\n"))
        except LostError as error:
            raise self._went_away(method, _OUTCOME_UNKNOWN) from error
        finally:
            self._drop(connection)

    async def _connect(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(self._limits.connect):
                await connection.open(self._address)
        except TimeoutError as error:
            raise self._unreachable(f"no connection within {self._limits.connect:g} s") from error
        except OSError as error:
            raise self._unreachable(_reason(error)) from error
        self._open.add(connection)
        if connection.closed or self._closed:
            self._drop(connection)
            raise self._unreachable("it closed the connection at once")

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._open.discard(connection)

    def _request(self, body: bytes, header: bytes = b"") -> bytes:
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (self._head, header, len(body), body)

    def _content(self, answer: Answer, method: str) -> bytes:
        if answer.status != _OK:
            raise of_status(answer.status, method, self._address.label)
        return answer.body

    def _unreachable(self, reason: str) -> Unavailable:
        return Unavailable(f"supervisord at {self._address.label} cannot be reached: {reason}", retry_after=AWAY)

    def _went_away(self, method: str, consequence: str = "") -> Unavailable:
        # Without retry_after where sending the call again could do twice what was to be done once.
        return Unavailable(
            f"supervisord at {self._address.label} went away during {method}{consequence}",
            retry_after=None if consequence else AWAY,
        )

    @asynccontextmanager
    async def _limited(self, seconds: float, method: str, consequence: str = "") -> AsyncIterator[None]:
        if self._closed:
            raise Unavailable("the connection to supervisord was closed")
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError as error:
            raise Timeout(f"supervisord did not answer {method} within {seconds:g} s{consequence}") from error


def _head(address: Address) -> bytes:
    host = address.label.removeprefix("http://") if address.host else "localhost"
    head = f"POST /RPC2 HTTP/1.1\r\nHost: {host}\r\nContent-Type: text/xml\r\n".encode()
    return head + b"Authorization: %b\r\n" % address.authorization if address.authorization else head


def _reason(error: OSError) -> str:
    # Event loops put texts of their own into an error of connect(); the resolver has numbers of its own.
    if error.errno is None or isinstance(error, socket.gaierror):
        return str(error.strerror or error)
    return os.strerror(error.errno)
