"""Access tokens."""

from __future__ import annotations

from opsgate.backends.errors import Invalid
from opsgate.handlers.flux.needs import JsonObject, TokensPort

Answer = tuple[JsonObject, int, dict[str, str]]


async def create_token(tokens: TokensPort, /) -> Answer:
    """Get an access token for a signed request, which was looked at before."""
    return _answer(tokens.issue())


async def log_in(tokens: TokensPort, /, body: JsonObject) -> Answer:
    """Get an access token for user and token."""
    if not tokens.is_user(str(body["username"]), str(body["password"])):
        raise Invalid("Incorrect email or password")
    return _answer(tokens.issue())


def _answer(token: str) -> Answer:
    return {"access_token": token, "token_type": "Bearer"}, 200, {"Cache-Control": "no-store"}


create_token_v1 = create_token
log_in_v1 = log_in
