"""What the document's own command lines need: bodies that say they are forms are JSON, and ``%2`` alone is a plus."""

from __future__ import annotations

import re
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

_PLUS: Final = re.compile(rb"%2(?![0-9A-Fa-f])")
_JSON: Final = (b"content-type", b"application/json")


class Edge:
    """ASGI middleware for one API, behind the guard: that is where foreign pages with forms are refused."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        """Even out what is below `prefix`."""
        self._app = app
        self._prefix = f"{prefix}/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, evened out."""
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            if b"%2" in scope["query_string"]:
                scope["query_string"] = _PLUS.sub(b"%2B", scope["query_string"])
            if any(name == b"content-type" for name, _ in scope["headers"]):
                scope["headers"] = [*(item for item in scope["headers"] if item[0] != b"content-type"), _JSON]
        await self._app(scope, receive, send)
