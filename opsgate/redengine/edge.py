"""In front of the API, behind the guard: who is let in, and what the document's own command lines need.

Their bodies say that they are forms and are JSON; in their queries ``%2`` alone is a plus. Pages of other sites can
send such forms, too: the guard has refused those.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsgate.access.caller import CALLER
from opsgate.problems import Problems
from opsgate.redengine.gate import Gate, request_of

_PLUS: Final = re.compile(rb"%2(?![0-9A-Fa-f])")
_JSON: Final = (b"content-type", b"application/json")


class Edge:
    """ASGI middleware for one API."""

    def __init__(self, app: ASGIApp, *, prefix: str, gate: Gate, problems: Problems) -> None:
        """Look at what is below `prefix`."""
        self._app = app
        self._prefix = prefix
        self._below = f"{prefix}/"
        self._public = f"{prefix}/openapi.json"
        self._gate = gate
        self._problems = problems

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass the request on, evened out, or refuse it."""
        if scope["type"] != "http" or not scope["path"].startswith(self._below):
            return self._app(scope, receive, send)
        _even_out(scope)
        if self._gate.is_open or scope["path"] == self._public:
            return self._app(scope, receive, send)
        return self._gated(scope, receive, send)

    async def _gated(self, scope: Scope, receive: Receive, send: Send) -> None:
        request, status = request_of(scope, self._prefix), 0

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._gate.admit(request)
        except Exception as exc:  # the hook is the user's: whatever it raises is answered, and logged
            await self._problems.refuse(scope, send, exc)
            return
        if self._gate.authenticates and not scope.get(CALLER):
            scope[CALLER] = {"sub": "authenticate"}
        await self._app(scope, receive, watched)
        await self._gate.tell(request, status)


def _even_out(scope: Scope) -> None:
    if b"%2" in scope["query_string"]:
        scope["query_string"] = _PLUS.sub(b"%2B", scope["query_string"])
    if any(name == b"content-type" and value != _JSON[1] for name, value in scope["headers"]):
        scope["headers"] = [*(item for item in scope["headers"] if item[0] != b"content-type"), _JSON]
