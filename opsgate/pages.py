"""Our own pages: what is here, whether we live, whether the engines do, the documents and Swagger UI."""

from __future__ import annotations

import asyncio
import html
import importlib.util
import logging
from collections.abc import Awaitable, Mapping
from pathlib import Path
from string import Template
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from opsgate import __version__
from opsgate.apis import Api, Backend
from opsgate.backends.errors import EngineError
from opsgate.backends.measures import Measure, Measured
from opsgate.metrics import exposing
from opsgate.metrics.sharing import Shared
from opsgate.problems import Problems
from opsgate.spec import Document

log = logging.getLogger("opsgate.pages")

SWAGGER: Final = Path(__file__).parent / "swagger"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Swagger UI writes style attributes, hence ``unsafe-inline`` for styles; scripts only from here."""
_SECURITY: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_READY_LIMIT: Final = 5.0  # seconds an engine has to answer /readyz
_MEASURES_LIMIT: Final = 2.0  # the same for /metrics, which whoever asks wants within ten


class Pages:
    """ASGI middleware that answers our own paths and passes the others on."""

    def __init__(
        self, app: ASGIApp, served: list[tuple[Api, Document, Backend]], problems: Problems, shared: Shared
    ) -> None:
        """Put the pages in front of `app`, for the APIs in `served`; `shared` has what was counted."""
        self._app = app
        self._shared = shared
        self._apis = {api.name: api for api, _, _ in served}
        self._backends = {api.name: backend for api, _, backend in served}
        self._documents = {f"{api.prefix}/openapi.json": (api, _without_servers(doc)) for api, doc, _ in served}
        self._problems = problems
        self._files = StaticFiles(directory=SWAGGER)
        self._swagger_ui = StaticFiles(directory=swagger_ui_files())
        self._index = Template((Path(__file__).parent / "home.html").read_text(encoding="utf-8"))
        self._exact = {
            "/": self._home,
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/metrics": self._metrics,
            "/ui": self._to_ui,
            "/ui/apis.json": self._ui_apis,
            **dict.fromkeys(self._documents, self._document),
            **{
                path: self._to_ui
                for api, document, _ in served
                if "/" not in document["paths"]  # those have a start page of their own
                for path in (api.prefix, f"{api.prefix}/")
            },
        }

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one of our pages, or pass the request on."""
        if scope["type"] == "http" and (scope["path"] in self._exact or scope["path"].startswith("/ui/")):
            return self._answer(scope, receive, send)
        return self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._exact.get(scope["path"])
        if scope["method"] not in ("GET", "HEAD"):
            response = self._error(scope, 405, "Only GET is possible here", {"Allow": "GET, HEAD"})
        elif page is not None:
            response = await page(Request(scope))
        else:
            response = await self._file(scope)
        await response(scope, receive, send)

    async def _home(self, request: Request) -> Response:
        entries = [
            {"name": api.name, "title": api.title, "path": f"{api.prefix}/", "openapi": f"{api.prefix}/openapi.json"}
            for api in self._apis.values()
        ]
        if "text/html" not in request.headers.get("accept", ""):
            links = {"ui": "/ui/", "health": "/healthz", "readiness": "/readyz", "metrics": "/metrics"}
            return _json({"name": "opsgate", "version": __version__, "apis": entries, **links})
        rows = "".join(
            f'<li><a href="/ui/?urls.primaryName={html.escape(e["name"])}">{html.escape(e["title"])}</a> '
            f'below {self._place(e["path"])}, <a href="{html.escape(e["openapi"])}">openapi.json</a></li>'
            for e in entries
        )
        return HTMLResponse(self._index.substitute(version=__version__, apis=rows), headers=_SECURITY)

    def _place(self, path: str) -> str:
        """Where an API lies; a link where it has a start page of its own."""
        shown = f"<code>{html.escape(path)}</code>"
        return shown if path in self._exact else f'<a href="{html.escape(path)}">{shown}</a>'

    async def _healthz(self, _request: Request) -> Response:
        return _json({"status": "ok", "version": __version__})

    async def _readyz(self, _request: Request) -> Response:
        names = list(self._backends)
        states = await asyncio.gather(*(self._ready(name) for name in names))
        ready = all(state["ready"] for state in states)
        return _json({"ready": ready, "engines": dict(zip(names, states, strict=True))}, 200 if ready else 503)

    async def _ready(self, name: str) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_READY_LIMIT):
                return {"ready": True, **await self._backends[name].ready()}
        except EngineError as exc:
            return {"ready": False, "error": exc.message}
        except TimeoutError:
            return {"ready": False, "error": f"no answer within {_READY_LIMIT:g} s"}

    async def _metrics(self, request: Request) -> Response:
        """What all workers counted, and what the engines tell of themselves."""
        told = await asyncio.gather(*map(self._measures, self._backends))
        measured = [measure for measures in told for measure in measures]
        accept = request.headers.get("accept", "")
        text, media_type = await asyncio.to_thread(exposing.write, self._shared.total(), measured, accept)
        return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-cache"})

    async def _measures(self, name: str) -> list[tuple[str, Measure]]:
        backend = self._backends[name]
        if not isinstance(backend, Measured):
            return []
        try:
            async with asyncio.timeout(_MEASURES_LIMIT):
                return [(name, measure) for measure in await backend.measures()]
        except (EngineError, TimeoutError):  # /readyz tells; what was counted is of use all the more
            return []

    async def _to_ui(self, _request: Request) -> Response:
        return RedirectResponse("/ui/", 307)

    async def _ui_apis(self, request: Request) -> Response:
        """The menu of the exploration page; on an API's own address only that one."""
        own = request.scope.get("opsgate.api")
        apis = [self._apis[own]] if own else list(self._apis.values())
        urls = [{"name": api.name, "url": "/openapi.json" if own else f"{api.prefix}/openapi.json"} for api in apis]
        return _json({"urls": urls})

    async def _document(self, request: Request) -> Response:
        api, document = self._documents[request.scope["path"]]
        base = "/" if request.scope.get("opsgate.api") else api.prefix
        return _json({**document, "servers": [{"url": base}]})

    async def _file(self, scope: Scope) -> Response:
        """A file of the exploration page: ours, else Swagger UI's."""
        path = scope["path"].removeprefix("/ui/") or "ui.html"
        for files in (self._files, self._swagger_ui):
            try:
                response = await files.get_response(path, scope)
            except HTTPException:
                continue
            response.headers.update(_SECURITY)
            return response
        return self._error(scope, 404, f"No such path: {scope.get('opsgate.path', scope['path'])}", {})

    def _error(self, scope: Scope, status: int, message: str, headers: Mapping[str, str]) -> Response:
        body = self._problems.body(scope["path"], status, message)
        return Response(body, status, headers=headers, media_type="application/json")


def swagger_ui_files() -> str:
    """The directory of the installed Swagger UI. The package is found without importing it, for it imports Flask."""
    found = importlib.util.find_spec("flask_swagger_ui")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("The package flask-swagger-ui is not installed")
    return str(Path(found.submodule_search_locations[0]) / "dist")


def _without_servers(document: Document) -> Document:
    return {name: value for name, value in document.items() if name != "servers"}


def _json(content: object, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    return Response(orjson.dumps(content), status, headers=headers, media_type="application/json")
