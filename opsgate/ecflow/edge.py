"""What surrounds every answer of the ecFlow API, refusals of the guard included: CORS, OPTIONS, counting.

Which methods a path has is known from the document: the last word of a URL decides, so ``DELETE …/a/tree`` is refused
instead of deleting a node named ``tree``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsgate.ecflow.statistics import Statistics
from opsgate.problems import Problems, asked
from opsgate.spec import Document, operations

_ORDER: Final = ("GET", "PUT", "POST", "DELETE", "HEAD")
_NODE: Final = "/v1/suites/{path}"
_CORS: Final = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-headers", b"Authorization, X-API-Key, Content-Type, If-None-Match, Last-Event-ID, Prefer"),
    (b"access-control-expose-headers", b"ETag, Location, Retry-After, WWW-Authenticate, X-Ecflow-Change, X-Request-ID"),
]


class Edge:
    """ASGI middleware for one API, in front of the guard."""

    def __init__(
        self, app: ASGIApp, *, prefix: str, document: Document, statistics: Statistics, problems: Problems
    ) -> None:
        """Surround what is below `prefix`."""
        self._app = app
        self._prefix = f"{prefix}/"
        self._cut = len(prefix)
        self._methods = _methods(document)
        self._statistics = statistics
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is the same for all operations, or pass the request on."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        asked.set(scope)
        allowed = self._allowed(scope["path"][self._cut :])
        surrounded = self._surrounded(scope, send)
        if allowed and scope["method"] == "OPTIONS":
            await _options(allowed, surrounded)
        elif allowed and scope["method"] not in allowed.split(", "):
            await self._refuse(scope, allowed, surrounded)
        else:
            await self._app(scope, receive, surrounded)

    def _allowed(self, path: str) -> str | None:
        if path in self._methods:
            return self._methods[path]
        node = path.removeprefix("/v1/suites/")
        if node == path or not node:
            return None
        above, _, word = node.rpartition("/")
        return self._methods.get(f"{_NODE}/{word}" if above else _NODE) or self._methods[_NODE]

    def _surrounded(self, scope: Scope, send: Send) -> Send:
        async def surrounded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_CORS]
                self._statistics.count(failed=message["status"] >= 400, cached="opsgate.cached" in scope)  # noqa: PLR2004 - failures
            await send(message)

        return surrounded

    async def _refuse(self, scope: Scope, allowed: str, send: Send) -> None:
        body = self._problems.body(scope["path"], 405, f"{scope['method']} is not among {allowed}")
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"allow", allowed.encode()),
            (b"connection", b"close"),  # a body may still be on its way
        ]
        await send({"type": "http.response.start", "status": 405, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _options(allowed: str, send: Send) -> None:
    methods = allowed.encode()
    headers = [(b"allow", methods), (b"access-control-allow-methods", methods), (b"access-control-max-age", b"600")]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _methods(document: Document) -> Mapping[str, str]:
    """The methods of each path template, as ``Allow`` has them."""
    found: dict[str, set[str]] = {}
    for path, method, _ in operations(document):
        found.setdefault(path, set()).update({"GET", "HEAD"} if method == "get" else {method.upper()})
    return {path: ", ".join(method for method in _ORDER if method in methods) for path, methods in found.items()}
