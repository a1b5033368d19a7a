"""The one user of the Flux API: user and token, and the JSON web tokens that stand for them.

The released client signs a *request* with a key that it shares with the service, and gets an *access token* for it.
Neither is taken for the other: an access token has a scope of its own, and an end.
"""

from __future__ import annotations

import hmac
import secrets
import time
import warnings
from collections.abc import Mapping
from typing import Any, Final

import jwt
from jwt.warnings import InsecureKeyLengthWarning

warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)  # told once, at the start

SHORTEST_KEY: Final = 32
"""Bytes below which a key of HS256 can be guessed sooner than the algorithm promises."""
_ALGORITHM: Final = "HS256"
_ACCESS: Final = "access"
_REQUEST: Final = "token"
_KEPT: Final = 256
"""Access tokens that are known to be good: checking one costs as much as a small request."""


class Access:
    """Checks credentials, and gives access tokens.

    Made before the workers are forked, so that a key of its own is the same in all of them.

    Args:
        user: The user; empty when there is none.
        token: The user's token; empty when there is none.
        secret_key: Signs requests and access tokens; empty for one of its own.
        minutes: How long an access token is good.

    Attributes:
        user: The user.
    """

    def __init__(self, user: str, token: str, secret_key: str = "", minutes: float = 600.0) -> None:
        self.user = user
        self._token = token
        self._shares_key = bool(secret_key)
        self._key = secret_key or secrets.token_urlsafe(48)
        self._seconds = minutes * 60
        self._good: dict[str, float] = {}

    @property
    def is_complete(self) -> bool:
        """Whether there is a user with a token: nobody gets in otherwise."""
        return bool(self.user and self._token)

    def is_user(self, user: str, token: str) -> bool:
        """Whether these are the user and the token; takes as long whichever is wrong."""
        same_user = hmac.compare_digest(user.encode(), self.user.encode())
        same_token = hmac.compare_digest(token.encode(), self._token.encode())
        return same_user & same_token & self.is_complete

    def is_request(self, signed: str) -> bool:
        """Whether this is a request for an access token, by the user, signed with the shared key."""
        claims = self._claims(signed) if self._shares_key else None
        if claims is None or claims.get("scope") != _REQUEST:
            return False
        user, token = claims.get("user"), claims.get("pass")
        return isinstance(user, str) and isinstance(token, str) and self.is_user(user, token)

    def is_access_token(self, text: str) -> bool:
        """Whether this is an access token of ours that is still good."""
        if self._good.get(text, 0) > time.time():
            return True
        claims = self._claims(text, "exp", "sub")
        if claims is None or claims.get("scope") != _ACCESS or not self._is_ours(claims["sub"]):
            return False
        if len(self._good) >= _KEPT:
            self._good.clear()
        self._good[text] = float(claims["exp"])
        return True

    def issue(self) -> str:
        """Return a new access token."""
        claims = {"sub": self.user, "scope": _ACCESS, "exp": time.time() + self._seconds}
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def _is_ours(self, user: str) -> bool:
        return self.is_complete and hmac.compare_digest(user.encode(), self.user.encode())

    def _claims(self, text: str, *required: str) -> Mapping[str, Any] | None:
        """What a token says, if it is signed with our key and not over."""
        try:
            claims: Mapping[str, Any] = jwt.decode(
                text, self._key, algorithms=[_ALGORITHM], options={"require": list(required)}
            )
        except (jwt.InvalidTokenError, ValueError):
            return None
        return claims
