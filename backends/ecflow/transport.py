"""Requests to one ecflow_server, a connection for each, each with a time limit; nothing is ever sent twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opsgate.backends.calls import Calls
from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.connection import Connection, LostError
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.resolver import Resolver
from opsgate.backends.errors import Away, Timeout, TooLarge

AWAY = 2
"""Seconds that a restarting ecflow_server is away."""

_OUTCOME_UNKNOWN = ": whether it took effect is unknown"


class Transport:
    """The way to one server; nothing is connected before the first request.

    Attributes:
        calls: The requests that were sent.
    """

    def __init__(self, address: Address, limits: Limits) -> None:
        self.calls = Calls("ecflow_server")
        self._address = address
        self._resolver = Resolver(address)
        self._limits = limits
        self._free = asyncio.Semaphore(limits.connections)
        self._open: set[Connection] = set()
        self._closed = False

    @property
    def label(self) -> str:
        """`host:port` of the server."""
        return self._address.label

    async def exchange(self, frame: bytes, name: str, *, acts: bool) -> bytes:
        """Send a frame and return the body of the answer.

        Args:
            frame: The whole request.
            name: What to call it in errors.
            acts: Whether it changes something: then errors tell that the outcome is unknown.

        Raises:
            Away: The server cannot be reached or went away.
            Timeout: It did not answer within the limit.
            Broken: It answered with something other than its protocol, too much, or half of it.
            TooLarge: The request is longer than may be sent.
        """
        if len(frame) > self._limits.request_bytes:
            raise TooLarge(f"{name} has {len(frame)} bytes; {self._limits.request_bytes} are sent at most")
        return await self.calls.counted(name, self._limited_exchange(frame, name, _OUTCOME_UNKNOWN if acts else ""))

    async def aclose(self) -> None:
        """Close all connections; calls under way end with `Away`."""
        self._closed = True
        for connection in list(self._open):
            connection.close()
        await asyncio.sleep(0)  # the event loop closes the sockets in its next turn

    async def _limited_exchange(self, frame: bytes, name: str, consequence: str) -> bytes:
        async with self._limited(name, consequence), self._free:
            return await self._exchange(frame, name, consequence)

    async def _exchange(self, frame: bytes, name: str, consequence: str) -> bytes:
        connection = await self._connect(Connection(frame, self._limits.answer_bytes))
        try:
            return await connection.answer
        except LostError as error:
            # Without retry_after where sending it again could do twice what was to be done once.
            raise Away(
                f"ecflow_server at {self.label} went away during {name}{consequence}",
                retry_after=None if consequence else AWAY,
            ) from error
        finally:
            self._open.discard(connection)
            connection.close()

    async def _connect(self, connection: Connection) -> Connection:
        self._open.add(connection)
        try:
            async with asyncio.timeout(self._limits.connect):
                await self._connect_somewhere(connection)
        except BaseException as error:
            self._open.discard(connection)
            connection.answer.cancel()
            self._resolver.failed()
            if isinstance(error, OSError):  # a TimeoutError is one, too
                raise self._unreachable(error) from error
            raise
        return connection

    async def _connect_somewhere(self, connection: Connection) -> None:
        *others, last = await self._resolver.hosts()
        for host in others:
            try:
                return await self._connect_to(host, connection)
            except OSError:  # the next address may be the right one: localhost is two of them
                continue
        return await self._connect_to(last, connection)

    async def _connect_to(self, host: str, connection: Connection) -> None:
        where = self._address
        name = where.host if where.tls else None
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: connection, host, where.port, ssl=where.tls, server_hostname=name)
        self._resolver.worked(host)

    def _unreachable(self, error: OSError) -> Away:
        reason = error.strerror or f"no connection within {self._limits.connect:g} s"
        return Away(f"ecflow_server at {self.label} cannot be reached: {reason}", retry_after=AWAY)

    @asynccontextmanager
    async def _limited(self, name: str, consequence: str) -> AsyncIterator[None]:
        if self._closed:
            raise Away("the connection to ecflow_server was closed")
        try:
            async with asyncio.timeout(self._limits.answer):
                yield
        except TimeoutError as error:
            raise Timeout(
                f"ecflow_server at {self.label} did not answer {name} within {self._limits.answer:g} s{consequence}"
            ) from error
