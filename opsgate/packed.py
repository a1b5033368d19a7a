"""JSON that is written already: sent compressed where the client takes that, not at all where it has it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from opsgate.problems import Written

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case."""

_JSON: Final = (b"content-type", b"application/json")
_GZIP: Final = (b"content-encoding", b"gzip")
_LEAST: Final = 1000
"""Bytes from which on compressing pays."""


class Packed(Response):
    """JSON that may be sent compressed; `body` stays as it was, for whoever checks it.

    Attributes:
        packed: The body compressed, where that is to be sent.
    """

    background = None

    def __init__(self, body: bytes, headers: Headers) -> None:  # Starlette's own takes as long as all else together
        """Answer 200 with a body, and these headers beside those that tell what it is."""
        self.status_code = 200
        self.body = body
        self.packed: bytes | None = None
        self.raw_headers = [_JSON, (b"content-length", b"%d" % len(body)), *headers]

    def written(self) -> Written:
        """What is to be sent."""
        if self.packed is None:
            return self.status_code, self.raw_headers, bytes(self.body)
        length = (b"content-length", b"%d" % len(self.packed))
        return self.status_code, [_JSON, length, _GZIP, *self.raw_headers[2:]], self.packed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        self.status_code, self.raw_headers, self.body = self.written()
        await super().__call__(scope, receive, send)


def answer(
    scope: Scope, body: bytes, headers: Headers, *, tag: str = "", gzipped: Callable[[], bytes] | None = None
) -> Response:
    """The answer to a request for JSON.

    Args:
        scope: The request.
        body: The JSON.
        headers: Further headers.
        tag: The ``ETag``: a client that has this state gets 304.
        gzipped: Gives the body compressed, where that is kept.
    """
    if tag:
        headers = [(b"etag", tag.encode("latin-1")), *headers]
        if _is_known(header(scope, b"if-none-match"), tag):
            return _unchanged(headers)
    sent = Packed(body, headers)
    if len(body) >= _LEAST and _takes_gzip(header(scope, b"accept-encoding")):
        sent.packed = gzipped() if gzipped else gzip.compress(body, compresslevel=5, mtime=0)
    return sent


def _unchanged(headers: Headers) -> Response:
    answer = Response(status_code=304)
    answer.raw_headers = [*headers]
    return answer


def header(scope: Scope, name: bytes) -> str:
    """A header of a request, an empty text where it is missing; `name` in lower case."""
    return ",".join(value.decode("latin-1") for key, value in scope["headers"] if key == name)


def _is_known(known: str, tag: str) -> bool:
    """RFC 9110, 13.1.2: weak comparison."""
    if not known:
        return False
    opaque = tag.removeprefix("W/")
    return known.strip() == "*" or opaque in {part.strip().removeprefix("W/") for part in known.split(",")}


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
