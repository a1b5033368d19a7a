"""Who a request comes from: a user with password, a token, or a task that reports on itself.

Everything that changes something is refused here, before its body, node or method is looked at, unless it shows
credentials or is a task's report, whose ECF_PASS ecflow_server judges. The server is asked about users and passwords
first, too: else whoever is none of its users would be told what is there, and what is wrong with a body. Connexion's
security then only asks what was found, so that an operation whose spec demands credentials has them or is not called.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from connexion.lifecycle import ConnexionRequest
from connexion.security import NO_VALUE, AbstractSecurityHandler
from starlette.types import ASGIApp, Receive, Scope, Send

from opsgate.backends.ecflow.port import User
from opsgate.backends.errors import EngineError, Unauthenticated
from opsgate.compiled.parameters import parse_query
from opsgate.problems import Problems
from opsgate.tokens import Tokens

CHALLENGE: Final = 'Basic realm="ecFlow", Bearer'
_READING: Final = ("GET", "HEAD", "OPTIONS")
_REPORTED: Final = ("/status", "/attributes")
_CALLER: Final = "opsgate.caller"

Caller = Mapping[str, object]


class Found(AbstractSecurityHandler):  # type: ignore[misc]  # Connexion has no types
    """Any scheme of the spec: whatever was shown is taken from the request, where `Authentication` left it."""

    def get_fn(self, security_scheme: object, required_scopes: object) -> Callable[[ConnexionRequest], Any]:  # noqa: ARG002 - Connexion's signature
        """What Connexion calls for each request."""
        return lambda request: request.scope.get(_CALLER) or NO_VALUE


SECURITY: Final = dict.fromkeys(("basic", "bearer", "apiKey"), Found)
"""Connexion's security map."""


class Credentials:
    """Judges what was shown.

    Args:
        tokens: Those that hold.
        judge: Has ecflow_server judge a user and password; raises `Unauthenticated`.
    """

    def __init__(self, tokens: Tokens, judge: Callable[[User], Awaitable[None]]) -> None:
        self._tokens = tokens
        self._judge = judge

    async def authorized(self, text: str) -> Caller:
        """Who has this header ``Authorization``; `Unauthenticated` for nobody, failures of the server else."""
        scheme, _, rest = text.partition(" ")
        if scheme.lower() == "bearer":
            return await self.token(rest.strip())
        if scheme.lower() != "basic":
            raise Unauthenticated("Unauthorized: only Basic and Bearer are known here")
        user = _user(rest.strip())
        await self._judge(user)
        return {"sub": user}

    async def token(self, token: str) -> Caller:
        """Who has this token; `Unauthenticated` for nobody."""
        if not token:
            raise Unauthenticated("Unauthorized: the token is empty")
        if self._tokens.known(token) or await asyncio.to_thread(self._tokens.verify, token):
            return {"sub": None, "token": True}
        raise Unauthenticated("Unauthorized: the token is unknown, expired or revoked")


class Authentication:
    """ASGI middleware for one API, behind the guard."""

    def __init__(self, app: ASGIApp, *, prefix: str, credentials: Credentials, problems: Problems) -> None:
        """Look at what is below `prefix`."""
        self._app = app
        self._begin = f"{prefix}/v1/"
        self._suites = f"{prefix}/v1/suites/"
        self._credentials = credentials
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the caller and pass the request on, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith(self._begin):
            try:
                scope[_CALLER] = await self._caller(scope)
            except EngineError as refused:
                await self._refuse(scope, send, refused)
                return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller | None:
        if scope["method"] in _READING:
            return await self._reader(scope)
        if scope["method"] == "PUT" and self._is_report(scope):
            return None
        authorization, key = _shown(scope)
        if authorization is not None:
            return await self._credentials.authorized(authorization)
        if not key:
            raise Unauthenticated("Unauthorized: credentials are needed")
        return await self._credentials.token(key)

    async def _reader(self, scope: Scope) -> Caller | None:
        """Whoever reads needs no credentials; a token that holds shows more."""
        authorization, key = _shown(scope)
        try:
            if authorization is not None and authorization.lower().startswith("bearer "):
                return await self._credentials.authorized(authorization)
            return await self._credentials.token(key) if key else None
        except Unauthenticated:
            return None

    def _is_report(self, scope: Scope) -> bool:
        body: bytes = scope.get("opsgate.body", b"")
        path: str = scope["path"]
        if b'"ECF_NAME"' not in body or not (path.startswith(self._suites) and path.endswith(_REPORTED)):
            return False
        try:
            told = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
        return isinstance(told, dict) and "ECF_NAME" in told

    async def _refuse(self, scope: Scope, send: Send, failure: EngineError) -> None:
        status, body, further = self._problems.of_failure(scope["path"], failure)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **further}
        if status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = CHALLENGE
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


def _user(text: str) -> User:
    """The user and password behind ``Basic``."""
    try:
        name, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated("Unauthorized: what follows Basic cannot be read") from None
    if not name or not colon:
        raise Unauthenticated("Unauthorized: Basic needs a user and a password")
    return User(name, password)


def _shown(scope: Scope) -> tuple[str | None, str]:
    """The header ``Authorization``, and the token of ``X-API-Key``, else of the query; the header comes first."""
    headers = dict(reversed(scope["headers"]))
    authorization = headers.get(b"authorization")
    if authorization is not None:
        return authorization.decode("latin-1").strip(), ""
    if (key := headers.get(b"x-api-key")) is not None:
        return None, key.decode("latin-1").strip()
    query: bytes = scope["query_string"]
    return None, dict(parse_query(query)).get("key", "") if b"key=" in query else ""
