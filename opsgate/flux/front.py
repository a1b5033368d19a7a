"""What browsers get of the Flux API: the job table, its files, the way to Swagger UI."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from opsgate.packed import header

PAGES: Final = Path(__file__).parent / "pages"
SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_ASSETS: Final = "/assets/"
_TABLE: Final = ("/", "/jobs", "")


class Front:
    """ASGI middleware for one API, behind its authentication and in front of everybody's pages."""

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        """Answer browsers below `prefix`."""
        self._app = app
        self._prefix = prefix
        self._table = (PAGES / "jobs.html").read_text(encoding="utf-8")
        self._files = StaticFiles(directory=PAGES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a page, or pass the request on."""
        is_ours = scope["type"] == "http" and scope["path"].startswith(self._prefix)
        response = await self._page(scope) if is_ours and scope["method"] in ("GET", "HEAD") else None
        await (response or self._app)(scope, receive, send)

    async def _page(self, scope: Scope) -> Response | None:
        path: str = scope["path"].removeprefix(self._prefix)
        if path == "":
            return RedirectResponse(f"{self._prefix}/", 307)
        base = "/v1" if path == "/v1" or path.startswith("/v1/") else ""
        path = path.removeprefix(base)
        if path in _TABLE and _wants_page(header(scope, b"accept"), is_start=path != "/jobs"):
            return HTMLResponse(self._table, headers={**SECURITY, "Vary": "Accept"})
        if path == "/docs":
            return RedirectResponse("/ui/" if scope.get("opsgate.api") else "/ui/?urls.primaryName=flux", 307)
        if path == "/openapi.json":
            scope["path"] = f"{self._prefix}/openapi.json"
        return await self._file(path.removeprefix(_ASSETS), scope) if path.startswith(_ASSETS) else None

    async def _file(self, name: str, scope: Scope) -> Response | None:
        try:
            response = await self._files.get_response(name, scope)
        except HTTPException:
            return None
        response.headers.update(SECURITY)
        return response


def _wants_page(accepted: str, *, is_start: bool) -> bool:
    """Whether HTML is preferred to JSON; where both are as good, the start page is a page, and a list is none."""
    page, data = _quality(accepted, "text/html"), _quality(accepted, "application/json")
    return page >= data if is_start else page > data


def _quality(accepted: str, media_type: str) -> float:
    """How much a media type is wanted, by RFC 9110, 12.5.1; 1 where nothing is said."""
    if not accepted.strip():
        return 1.0
    wanted = dict(_parsed(part) for part in accepted.lower().split(","))
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if name in wanted:
            return wanted[name]
    return 0.0


def _parsed(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    quality: Mapping[str, str] = dict(p.replace(" ", "").split("=", 1) for p in parameters if "=" in p)
    try:
        return name, float(quality.get("q", "1"))
    except ValueError:
        return name, 1.0
