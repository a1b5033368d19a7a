"""One HTTP/1.1 connection to supervisord, carrying one exchange at a time."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import cast

import httptools

from opsgate.backends.errors import Broken
from opsgate.backends.supvisors.address import Address

_BLANK = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\nContent-Length: *(\d+)", re.IGNORECASE)


class LostError(Exception):
    """The connection ended before the answer did.

    Attributes:
        answered: Whether a part of the answer had come.
    """

    def __init__(self, *, answered: bool) -> None:
        super().__init__("the connection ended before the answer did")
        self.answered = answered


class Answer:
    """An HTTP answer, and the parser that fills it.

    Attributes:
        status: The HTTP status.
        body: The body.
        complete: Whether all of it has come.
        keep_alive: Whether the connection can be used again.
    """

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.complete = False
        self.keep_alive = False
        self._chunks: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take a part of the answer; raise `Broken` if it is not HTTP."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise Broken("supervisord answered with something that is not HTTP") from error

    def on_body(self, chunk: bytes) -> None:
        """Take a piece of the body, from the parser."""
        self._chunks.append(chunk)

    def on_message_complete(self) -> None:
        """Note what the parser will have forgotten when it returns."""
        self.status = self._parser.get_status_code()
        self.body = b"".join(self._chunks)
        self.keep_alive = self._parser.should_keep_alive()
        self.complete = True


class Connection(asyncio.Protocol):
    """A connection that is kept for further exchanges.

    Args:
        limit: The longest answer in bytes, its header included.
    """

    def __init__(self, limit: int) -> None:
        self.closed = False
        self._limit = limit
        self._received = 0
        self._answer = Answer()
        self._socket: socket.socket
        self._transport: asyncio.Transport
        self._pending: asyncio.Future[Answer] | None = None

    async def open(self, address: Address) -> None:
        """Connect, or raise OSError."""
        self._socket = await _connect(address)
        await asyncio.get_running_loop().create_connection(lambda: self, sock=self._socket)

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and return its answer, or raise `LostError` or `Broken`.

        A failure closes the connection, and so does the cancellation of the caller: what is still to come of the
        answer must not be read by the next one.
        """
        self._answer = Answer()
        self._received = 0
        self._pending = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        _acknowledge_at_once(self._socket)
        try:
            return await self._pending
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close at once, whatever is under way."""
        self.closed = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer; what nobody asked for ends the connection."""
        _acknowledge_at_once(self._socket)
        self._received += len(data)
        if self._pending is None or self._pending.done():
            self.close()
        elif self._received > self._limit:
            self._pending.set_exception(Broken(f"supervisord's answer is longer than {self._limit} bytes"))
        else:
            self._take(data, self._pending)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it ended changes nothing
        """Tell the caller, if one is waiting."""
        self.closed = True
        if self._pending is not None and not self._pending.done():
            self._end(self._pending)

    def _take(self, data: bytes, pending: asyncio.Future[Answer]) -> None:
        try:
            self._answer.feed(data)
        except Broken as error:
            pending.set_exception(error)
            return
        if self._answer.complete:
            self.closed = not self._answer.keep_alive
            pending.set_result(self._answer)

    def _end(self, pending: asyncio.Future[Answer]) -> None:
        pending.set_exception(LostError(answered=self._received > 0))


class LastingConnection(Connection):
    """A connection for one exchange, whose answer lasts until supervisord closes.

    supervisord states the length of a deferred answer in characters but writes it in UTF-8: with a name that is not
    ASCII the stated length is too short, and only the end of the connection tells where the answer ends.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._raw = bytearray()

    def _take(self, data: bytes, pending: asyncio.Future[Answer]) -> None:  # noqa: ARG002 - answered at the end
        self._raw += data

    def _end(self, pending: asyncio.Future[Answer]) -> None:
        raw = bytes(self._raw)
        head, _, body = raw.partition(_BLANK)
        length = _LENGTH.search(head)
        stated = len(head) + len(_BLANK) + int(length[1]) if length else len(raw)
        super()._take(raw[:stated], pending)
        if length:
            self._answer.body = body
        if not pending.done():
            super()._end(pending)


async def _connect(address: Address) -> socket.socket:
    loop = asyncio.get_running_loop()
    if address.socket_path:
        return await _open(socket.AF_UNIX, address.socket_path)
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    for family, _, _, _, where in found[:-1]:
        try:
            return await _open(family, where)
        except OSError:
            continue  # the failure of the last one is the one to tell
    return await _open(found[-1][0], found[-1][4])


async def _open(family: int, where: str | tuple[object, ...]) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setblocking(False)
    try:
        if family != socket.AF_UNIX:
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, where)
    except BaseException:
        opened.close()
        raise
    return opened


def _acknowledge_at_once(connected: socket.socket) -> None:
    """Keep Linux from delaying the next acknowledgement: supervisord waits for it before the rest of a long answer.

    The kernel clears the option as it goes, hence again and again.
    """
    if connected.family != socket.AF_UNIX and hasattr(socket, "TCP_QUICKACK") and connected.fileno() >= 0:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
