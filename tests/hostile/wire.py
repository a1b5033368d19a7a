"""Requests as bytes on a connection: nothing is cleaned on the way, and an answer that does not come is a failure."""

from __future__ import annotations

import gzip
import socket
from contextlib import suppress
from dataclasses import dataclass, field

from httptools import HttpParserError, HttpResponseParser

SECONDS = 60  # a hang; no tighter bound, for slow machines
_STREAM = "text/event-stream"


@dataclass
class Reply:
    """What came back. The names of headers are in small letters; of a stream only the head is read."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def media(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()

    @property
    def ends(self) -> bool:
        """Whether nothing more is answered on its connection."""
        return self.headers.get("connection", "").lower() == "close"


class NoReplyError(Exception):
    """The connection broke, or nothing came in time, or it was no HTTP."""


class _Reading:
    """Puts one reply together, as its parser tells of it."""

    def __init__(self, *, bodiless: bool) -> None:
        self.reply, self.complete = Reply(), False
        self._bodiless = bodiless
        self._parts: list[bytes] = []
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take what has come."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.reply.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """See whether a body follows that is to be read."""
        self.reply.status = self._parser.get_status_code()
        self.complete = self._bodiless or self.reply.media == _STREAM

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """Close the body."""
        body = b"".join(self._parts)
        packed = body and self.reply.headers.get("content-encoding") == "gzip"
        self.reply.body = gzip.decompress(body) if packed else body
        self.complete = True


class Wire:
    """A connection that is kept as long as the other side keeps it, and made again when it does not."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, sent: bytes, method: str = "GET", *, cut: bool = False) -> Reply:
        """Send these bytes and return the answer; `cut` ends our side of the connection after them.

        Raises:
            NoReplyError: See there.
        """
        connection, fresh = self._connection()
        try:
            with suppress(ConnectionError):  # it may have answered, and closed, before it had read all
                connection.sendall(sent)
                if cut:
                    connection.shutdown(socket.SHUT_WR)
            reply = _read(connection, bodiless=method == "HEAD")
        except (OSError, HttpParserError) as exc:
            self.close()
            if fresh or not isinstance(exc, ConnectionError):
                raise NoReplyError(f"{type(exc).__name__}: {exc}") from exc
            return self.ask(sent, method, cut=cut)  # that one was closed meanwhile
        if cut or reply.ends or reply.media == _STREAM:
            self.close()
        return reply

    def close(self) -> None:
        """Close it."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connection(self) -> tuple[socket.socket, bool]:
        fresh = self._socket is None
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._socket, fresh


def _read(connection: socket.socket, *, bodiless: bool) -> Reply:
    """The reply that comes; an interim one (100) is not it."""
    while True:
        reading = _Reading(bodiless=bodiless)
        while not reading.complete:
            data = connection.recv(1 << 16)
            if not data:
                raise ConnectionResetError("closed without an answer, or within it")
            reading.feed(data)
        if reading.reply.status != 100:
            return reading.reply
