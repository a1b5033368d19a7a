"""Who a request comes from: checked before its method, its path's operation or its body is looked at.

Connexion's security then only asks what was found.
"""

from __future__ import annotations

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from opsgate.access import shown
from opsgate.access.caller import CALLER
from opsgate.backends.errors import Unauthenticated
from opsgate.flux.access import Access
from opsgate.problems import Problems

BEARER_CHALLENGE: Final = 'Bearer realm="Flux"'
"""Alone where only tokens of the service are good: a browser would ask for a user in vain."""
CHALLENGES: Final = ('Basic realm="Flux"', BEARER_CHALLENGE)
MISSING: Final = "Missing FLUX_USER and/or FLUX_TOKEN"
_NONE_SHOWN: Final = "Not authenticated"
_WRONG_USER: Final = "Incorrect user or token."
_WRONG_TOKEN: Final = "Could not validate credentials"  # noqa: S105 - a sentence
_WRONG_REQUEST: Final = "Denied: the request is missing, or not signed with our key for our user"
_OPEN: Final = ("", "/", "/docs", "/openapi.json", "/login/access-token")
_ASSETS: Final = "/assets/"
_TOKEN: Final = "/token"  # noqa: S105 - a path


def is_open(path: str) -> bool:
    """Whether nobody need show anything for a path (below either base)."""
    return path in _OPEN or path.startswith(_ASSETS)


def proves_itself(_method: str, path: str, _body: bytes) -> bool:
    """Whether a request needs no token of the service's: pages, and those that ask for an access token."""
    inner = path.removeprefix("/v1")
    return is_open(inner) or inner == _TOKEN


class Authentication:
    """ASGI middleware for one API, behind the guard."""

    def __init__(self, app: ASGIApp, *, prefix: str, access: Access, needed: bool, problems: Problems) -> None:
        """Look at what is below `prefix`; without `needed` only requests for access tokens have to show something."""
        self._app = app
        self._begin = f"{prefix}/"
        self._v1 = f"{prefix}/v1"
        self._prefix = prefix
        self._access = access
        self._needed = needed
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the caller and pass the request on, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith(self._begin):
            refusal = self._refusal(scope)
            if refusal:
                await self._problems.refuse(scope, send, Unauthenticated(refusal), challenges=CHALLENGES)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        """Why a request is refused; empty if it is not."""
        path = self._inner(scope["path"])
        if path == _TOKEN:
            return self._request(scope)
        if not self._needed or scope.get(CALLER) or is_open(path):
            return ""
        if not self._access.is_complete:
            return MISSING
        return self._credentials(scope)

    def _inner(self, path: str) -> str:
        """The path below either base."""
        below = path.removeprefix(self._prefix)
        return below.removeprefix("/v1") if below == "/v1" or below.startswith("/v1/") else below

    def _request(self, scope: Scope) -> str:
        scheme, text = _authorization(scope)
        if scheme != "bearer" or not self._access.is_request(text):
            return _WRONG_REQUEST if self._access.is_complete else MISSING
        scope[CALLER] = {"sub": self._access.user}
        return ""

    def _credentials(self, scope: Scope) -> str:
        scheme, text = _authorization(scope)
        if not scheme:
            return _NONE_SHOWN
        if scheme == "basic":
            user, _, token = shown.basic(text) or ("", "", "")  # which nobody is
            if not self._access.is_user(user, token):
                return _WRONG_USER
        if scheme == "bearer" and not self._access.is_access_token(text):
            return _WRONG_TOKEN
        if scheme not in ("basic", "bearer"):
            return f"Only Basic and Bearer are known here, not {scheme}"
        scope[CALLER] = {"sub": self._access.user}
        return ""


def _authorization(scope: Scope) -> tuple[str, str]:
    """The scheme in lower case and what follows it; empty without the header."""
    scheme, _, rest = (shown.authorization(scope) or "").partition(" ")
    return scheme.lower(), rest.strip()
