"""The credentials that a request shows."""

from __future__ import annotations

import base64

from starlette.types import Scope

from opsgate.compiled.parameters import parse_query

_KEY = b"key="


def authorization(scope: Scope) -> str | None:
    """The header ``Authorization``; None without one."""
    return _header(scope, b"authorization")


def key(scope: Scope) -> str:
    """The token of the header ``X-API-Key``, else of the query's ``key``; empty without either."""
    shown = _header(scope, b"x-api-key")
    if shown is not None:
        return shown
    query: bytes = scope["query_string"]
    return dict(parse_query(query)).get("key", "") if _KEY in query else ""


def token(scope: Scope) -> str:
    """A token in whichever place; ``Authorization: Bearer`` comes before a key. Empty without one."""
    shown = authorization(scope)
    if shown is None:
        return key(scope)
    scheme, _, rest = shown.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""


def basic(text: str) -> tuple[str, str, str] | None:
    """What follows ``Basic``: user, colon, password, the latter two may be empty; None if it cannot be read."""
    try:
        return base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return None


def forget_key(scope: Scope) -> None:
    """Take ``key`` out of the query: it is none of the operation's parameters."""
    query: bytes = scope["query_string"]
    if _KEY in query:
        scope["query_string"] = b"&".join(part for part in query.split(b"&") if not part.startswith(_KEY))


def _header(scope: Scope, name: bytes) -> str | None:
    for one, value in scope["headers"]:
        if one == name:
            text: str = value.decode("latin-1")
            return text.strip()
    return None
