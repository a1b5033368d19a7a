"""Who a request comes from: a user with password, a token, or a task that reports on itself.

Everything that changes something is refused here, before its body, node or method is looked at, unless it shows
credentials or is a task's report, whose ECF_PASS ecflow_server judges. The server is asked about users and passwords
first, too: else whoever is none of its users would be told what is there, and what is wrong with a body. Connexion's
security then only asks what was found, so that an operation whose spec demands credentials has them or is not called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from opsgate.access import shown
from opsgate.access.caller import CALLER, Caller, of_token
from opsgate.backends.ecflow.port import User
from opsgate.backends.errors import EngineError, Unauthenticated
from opsgate.problems import Problems
from opsgate.tokens import READS, Tokens, permit

_SUITES: Final = "/v1/suites/"
_REPORTED: Final = ("/status", "/attributes")


class Credentials:
    """Judges what was shown.

    Args:
        tokens: Those that hold.
        judge: Has ecflow_server judge a user and password; raises `Unauthenticated`.
    """

    def __init__(self, tokens: Tokens, judge: Callable[[User], Awaitable[None]]) -> None:
        self._tokens = tokens
        self._judge = judge

    async def authorized(self, text: str, method: str) -> Caller:
        """Who has this header ``Authorization``; `Unauthenticated` for nobody, failures of the server else."""
        scheme, _, rest = text.partition(" ")
        if scheme.lower() == "bearer":
            return await self.token(rest.strip(), method)
        if scheme.lower() != "basic":
            raise Unauthenticated("Unauthorized: only Basic and Bearer are known here")
        user = _user(rest.strip())
        await self._judge(user)
        return {"sub": user}

    async def token(self, token: str, method: str) -> Caller:
        """Who has this token; `Unauthenticated` for nobody, `Denied` where it is not good for this method."""
        if not token:
            raise Unauthenticated("Unauthorized: the token is empty")
        entry = self._tokens.known(token) or await asyncio.to_thread(self._tokens.verify, token)
        if entry is None:
            raise Unauthenticated("Unauthorized: the token is unknown, expired or revoked")
        permit(entry, "ecflow", method)
        return of_token(entry, "ecflow")


class Authentication:
    """ASGI middleware for one API, behind the guard."""

    def __init__(
        self, app: ASGIApp, *, prefix: str, credentials: Credentials, problems: Problems, readers: bool
    ) -> None:
        """Look at what is below `prefix`; `readers` says whether users and passwords count for who reads, too."""
        self._app = app
        self._readers = readers
        self._begin = f"{prefix}/v1/"
        self._cut = len(prefix)
        self._credentials = credentials
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note the caller and pass the request on, or refuse it."""
        if scope["type"] == "http" and scope["path"].startswith(self._begin) and not scope.get(CALLER):
            try:
                scope[CALLER] = await self._caller(scope)
            except EngineError as refused:
                await self._problems.refuse(scope, send, refused)
                return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller | None:
        method: str = scope["method"]
        if method in READS:
            return await self._reader(scope)
        if is_report(method, scope["path"][self._cut :], scope.get("opsgate.body", b"")):
            return None
        authorization = shown.authorization(scope)
        if authorization is not None:
            return await self._credentials.authorized(authorization, method)
        key = shown.key(scope)
        if not key:
            raise Unauthenticated("Unauthorized: credentials are needed")
        return await self._credentials.token(key, method)

    async def _reader(self, scope: Scope) -> Caller | None:
        """Whoever reads needs no credentials here; a token that holds shows more."""
        authorization = shown.authorization(scope)
        if self._readers and authorization is not None:
            return await self._credentials.authorized(authorization, scope["method"])
        token = shown.token(scope)
        try:
            return await self._credentials.token(token, scope["method"]) if token else None
        except Unauthenticated:
            return None


def is_report(method: str, path: str, body: bytes) -> bool:
    """Whether a request, its path below the API's prefix, is a task's report on itself: ecflow_server judges those."""
    if method != "PUT" or b'"ECF_NAME"' not in body:
        return False
    if not (path.startswith(_SUITES) and path.endswith(_REPORTED)):
        return False
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(told, dict) and "ECF_NAME" in told


def _user(text: str) -> User:
    """The user and password behind ``Basic``."""
    found = shown.basic(text)
    if found is None:
        raise Unauthenticated("Unauthorized: what follows Basic cannot be read")
    name, colon, password = found
    if not name or not colon:
        raise Unauthenticated("Unauthorized: Basic needs a user and a password")
    return User(name, password)
