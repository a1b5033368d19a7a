"""Gives an API that has an address of its own the root path there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from opsgate.addresses import Address

SHARED: Final = frozenset({"/healthz", "/metrics", "/readyz", "/ui"})
"""Paths that are the same on every address; what is below ``/ui/`` too."""


class Listeners:
    """ASGI middleware: tells by the address a request came in on which API it is for. Left out when none has its own.

    On an API's own address ``/x`` becomes ``/<api>/x``; ``scope["opsgate.api"]`` is the API's name there and ``None``
    on a shared address; ``scope["opsgate.path"]`` stays what the client asked for.
    """

    def __init__(self, app: ASGIApp, addresses: Iterable[Address]) -> None:
        """Serve `app` on `addresses`."""
        self._app = app
        own = [address for address in addresses if address.api]
        self._by_port = {address.port: address.api for address in own if not address.path}
        self._by_path = {address.path: address.api for address in own if address.path}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Mark the request with its API and put the prefix before its path."""
        if scope["type"] == "http":
            host, port = scope.get("server") or ("", None)
            api = self._by_path.get(host) if port is None else self._by_port.get(port)
            path = scope["path"]
            scope["opsgate.api"], scope["opsgate.path"] = api, path
            if api and path not in SHARED and not path.startswith("/ui/"):
                scope["path"] = f"/{api}{path}"
                if raw := scope.get("raw_path"):
                    scope["raw_path"] = b"/%b%b" % (api.encode(), raw)
        await self._app(scope, receive, send)
