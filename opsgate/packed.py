"""JSON that is written already: sent compressed where the client takes that, not at all where it has it."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_LEAST: Final = 1000
"""Bytes from which on compressing pays."""


class Packed(Response):
    """JSON that may be sent compressed; `body` stays as it was, for whoever checks it."""

    packed: bytes | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        if self.packed is not None:
            self.body = self.packed
            self.headers["content-length"] = str(len(self.packed))
            self.headers["content-encoding"] = "gzip"
        await super().__call__(scope, receive, send)


def answer(
    scope: Scope, body: bytes, headers: Mapping[str, str], *, gzipped: Callable[[], bytes] | None = None
) -> Response:
    """The answer to a request for JSON.

    Args:
        scope: The request.
        body: The JSON.
        headers: Further headers. With an ``ETag`` among them, a client that has this state gets 304.
        gzipped: Gives the body compressed, where that is kept.
    """
    if "ETag" in headers and _is_known(header(scope, b"if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    sent = Packed(body, headers=headers, media_type="application/json")
    if len(body) >= _LEAST and _takes_gzip(header(scope, b"accept-encoding")):
        sent.packed = gzipped() if gzipped else gzip.compress(body, compresslevel=5, mtime=0)
    return sent


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
