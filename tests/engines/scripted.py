"""A server that follows a script, for what no real engine can be made to do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Script = Callable[["Peer"], Awaitable[None]]
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Peer:
    """The server's end of one connection.

    Attributes:
        number: 1 for the first connection, and so on.
    """

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self._reader = reader
        self._writer = writer

    async def request(self) -> bytes:
        """Read one HTTP request, head and body."""
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return head + await self._reader.readexactly(int(length[1]) if length else 0)

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        self._writer.write(data)
        await self._writer.drain()

    async def closed(self) -> None:
        """Wait until the other end closes."""
        await self._reader.read()

    def close(self) -> None:
        """Close this end."""
        self._writer.close()

    def reset(self) -> None:
        """End the connection as a crash does."""
        self._writer.transport.abort()


class Scripted:
    """A server on loopback.

    Attributes:
        url: Where it listens.
        connections: How many there have been.
        requests: What it was asked, as it came.
    """

    def __init__(self, script: Script) -> None:
        self.url = ""
        self.connections = 0
        self._script = script
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Follow the script on a new connection."""
        self.connections += 1
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):  # the client went away first
            await self._script(Peer(self.connections, reader, writer))
        writer.close()

    def close(self) -> None:
        """Drop all connections."""
        for writer in self._writers:
            writer.transport.abort()


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[Scripted]:
    """Run a server on a free port that follows the script on each connection."""
    server = Scripted(script)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        server.close()
        await listening.wait_closed()
