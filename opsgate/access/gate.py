"""ASGI middlewares around all APIs' own layers: before them, tokens are recognised; behind them, a caller is needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from opsgate.access import shown
from opsgate.access.caller import CALLER, of_token
from opsgate.backends.errors import Denied, EngineError, Unauthenticated
from opsgate.problems import Problems
from opsgate.tokens import READS, Tokens, permit

Exempt = Callable[[str, str, bytes], bool]
"""Whether a request (method, path below the API's prefix, body) proves by itself that it may be made."""

_MISSING: Final = "Credentials are needed: Authorization: Bearer TOKEN, X-API-Key: TOKEN, or ?key=TOKEN"


class Recognition:
    """In front of the APIs' own layers: notes who shows one of the service's tokens; keeps a read-only service so."""

    def __init__(
        self, app: ASGIApp, *, apis: Collection[str], tokens: Tokens | None, read_only: bool, problems: Problems
    ) -> None:
        """Look at what is below the prefixes of these APIs."""
        self._app = app
        self._apis = apis
        self._tokens = tokens
        self._read_only = read_only
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, its caller noted, or refuse it."""
        api = _api(self._apis, scope)
        if api is not None:
            try:
                self._check_method(scope)
                await self._recognise(scope, api)
            except EngineError as refused:
                await self._problems.refuse(scope, send, refused)
                return
        await self._app(scope, receive, send)

    def _check_method(self, scope: Scope) -> None:
        if self._read_only and scope["method"] not in READS:
            raise Denied(f"This service is read-only: {scope['method']} is not possible")

    async def _recognise(self, scope: Scope, api: str) -> None:
        text = shown.token(scope) if self._tokens is not None else ""
        if not text or self._tokens is None:
            return
        entry = self._tokens.known(text) or await asyncio.to_thread(self._tokens.verify, text)
        if entry is not None:
            permit(entry, api, scope["method"])
            shown.forget_key(scope)
            scope[CALLER] = of_token(entry, api)


class Requirement:
    """Behind the APIs' own layers: refuses whoever nobody knows."""

    def __init__(
        self, app: ASGIApp, *, apis: Collection[str], exempt: Mapping[str, Exempt], problems: Problems
    ) -> None:
        """Look at what is below the prefixes of these APIs; `exempt` is by their names."""
        self._app = app
        self._apis = apis
        self._exempt = exempt
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        api = _api(self._apis, scope)
        if api is None or scope.get(CALLER) or self._is_exempt(api, scope):
            await self._app(scope, receive, send)
            return
        await self._problems.refuse(scope, send, Unauthenticated(_MISSING))

    def _is_exempt(self, api: str, scope: Scope) -> bool:
        path = scope["path"][len(api) + 1 :]
        if path in ("", "/", "/openapi.json"):
            return True
        exempt = self._exempt.get(api)
        return exempt is not None and exempt(scope["method"], path, scope.get("opsgate.body", b""))


def _api(apis: Collection[str], scope: Scope) -> str | None:
    """The API that a request is for; None for our own pages and what is no request."""
    name: str = scope["path"].split("/", 2)[1] if scope["type"] == "http" else ""
    return name if name in apis else None
