"""What is known of whoever sent a request, and what Connexion's security is told of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from connexion.lifecycle import ConnexionRequest
from connexion.security import NO_VALUE, AbstractSecurityHandler

from opsgate.tokens import Entry

CALLER: Final = "opsgate.caller"
"""Where a request's scope has its `Caller`."""

Caller = Mapping[str, Any]
"""``sub`` is the user, None for one with a token, which has a ``name``; ``full`` is False for who may only read."""


def sees_secrets(caller: Caller | None) -> bool:
    """Whether a caller may see what others must not: with it, one could do more than read."""
    return caller is not None and caller.get("full", True) is True


def name_of(caller: Caller | None) -> str:
    """What to call a caller in logs; empty for nobody."""
    if not caller:
        return ""
    user = caller.get("sub")
    return str(caller.get("name") or getattr(user, "name", user) or "")


def of_token(entry: Entry, api: str) -> Caller:
    """The caller who has a token."""
    return {"sub": None, "token": True, "name": entry.description, "full": entry.permits(api, "POST")}


class Found(AbstractSecurityHandler):  # type: ignore[misc]  # Connexion has no types
    """Any scheme of a spec: whatever was shown is taken from the request, where those who judged it left it.

    Who may only read is nobody here: what such callers may do, everybody may, and more they are not to see.
    """

    def get_fn(self, security_scheme: object, required_scopes: object) -> Callable[[ConnexionRequest], Any]:  # noqa: ARG002 - Connexion's signature
        """What Connexion calls for each request."""
        return lambda request: caller if sees_secrets(caller := request.scope.get(CALLER)) else NO_VALUE


SECURITY: Final[Mapping[str, Any]] = dict.fromkeys(("basic", "bearer", "apiKey"), Found)
"""Connexion's security map: each type of scheme that our specs name."""
