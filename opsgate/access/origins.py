"""Lets pages of the sites in ``[server] origins`` read answers; the guard refuses those of all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

_SENT: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "Last-Event-ID",
    "Prefer",
    "X-API-Key",
    "X-Request-ID",
)
_READ: Final = ("ETag", "Link", "Location", "Retry-After", "WWW-Authenticate", "X-Ecflow-Change", "X-Request-ID")
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def surround(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """`app`, which says to the pages of these origins (``https://name:port``) that they may use it."""
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=[origin.lower().rstrip("/") for origin in origins],
        allow_methods=_METHODS,
        allow_headers=_SENT,
        expose_headers=_READ,
    )
