"""The middleware that answers what is compiled, and passes the rest on to Connexion's own stack."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from connexion.http_facts import METHODS
from connexion.middleware.abstract import SpecMiddleware
from connexion.operations import AbstractOperation, OpenAPIOperation
from connexion.resolver import Resolver
from connexion.spec import Specification
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsgate.compiled.answers import Answer
from opsgate.compiled.compiler import Compiler, obstacle
from opsgate.compiled.fallthrough import FallThrough
from opsgate.compiled.table import Table
from opsgate.compiled.templates import SLASH, Values
from opsgate.metrics.meter import OPERATION, Label
from opsgate.packed import Packed
from opsgate.problems import Problems, Written

_ENCODED_SLASH: Final = re.compile("%2[fF]")


class Route(NamedTuple):
    """An operation: what it is called, and what answers it."""

    label: Label
    answer: Callable[[Scope, Receive, Values], Awaitable[Answer]]


_WHOLE: Final = ("auth_all_paths", "pythonic_params", "resolver_error", "strict_validation", "uri_parser_class")
"""Options of ``add_api`` that change what a request means: an API with one of them is left to Connexion as a whole."""


class CompiledRoutes(SpecMiddleware):
    """The first of Connexion's middlewares, so that a compiled operation costs none of the others.

    Attributes:
        left: What is left to Connexion, and why: ``(what, reason)``.
    """

    def __init__(self, app: ASGIApp, *, problems: Problems) -> None:
        """Put the fast path in front of `app`; `problems` renders what goes wrong."""
        self._app = app
        self._problems = problems
        self._table: Table[Route] = Table()
        self._prefixes: tuple[str, ...] = ()
        self.left: list[tuple[str, str]] = []

    def add_api(
        self,
        specification: Specification,
        *,
        base_path: str | None = None,
        resolver: Resolver | None = None,
        security_map: Mapping[str, Any] | None = None,
        validate_responses: bool | None = False,
        **options: Any,
    ) -> None:
        """Compile an API; the arguments are those of Connexion's ``add_api``.

        Raises:
            CompileError: A spec that cannot be right.
        """
        base = (specification.base_path if base_path is None else base_path).rstrip("/")
        reasons = [name for name in _WHOLE if options.get(name)]
        if reasons or specification.operation_cls is not OpenAPIOperation:
            self.left.append((f"all of {base or '/'}", ", ".join(reasons) or "Swagger 2"))
            return
        compiler = Compiler(
            specification,
            resolver or Resolver(),
            security_map=security_map,
            validate_responses=bool(validate_responses),
            ascii_only=getattr(options.get("jsonifier"), "ascii", False),
        )
        for path, item in specification["paths"].items():
            for method in METHODS & set(item):
                self._add(base, compiler, compiler.source(path, method))
        self._prefixes += (f"{base}/",)

    def _add(self, base: str, compiler: Compiler, source: AbstractOperation) -> None:
        method, path = source.method.upper(), f"{base}{source.path}"
        label = Label(base.rpartition("/")[2], source.operation_id)
        reason = obstacle(source)
        if reason is None:
            route = Route(label, compiler.compile(source))
        else:
            self.left.append((f"{method} {path}", reason))
            route = Route(label, _left)
        self._table.add(method, path, source.get_path_parameter_types(), route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or pass it on."""
        if scope["type"] != "http":
            await self._pass_on(scope, receive, send)
            return
        try:
            route, values = self._find(scope)
            scope[OPERATION] = route.label
            answer = await route.answer(scope, receive, values)
        except FallThrough:
            answer = None
        except ClientDisconnect:
            return
        except Exception as exc:
            answer = self._problems.written(scope, exc)
        if answer is None:
            await self._pass_on(scope, receive, send)
        elif isinstance(answer, Packed):
            await _send(answer.written(), scope, send)
        elif isinstance(answer, Response):
            await self._send_response(answer, scope, receive, send)
        else:
            await _send(answer, scope, send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let Connexion answer, with the mark of its own entry, without which Starlette's routers raise no 404."""
        scope["app"] = self._app
        await self._app(scope, receive, send)

    def _find(self, scope: Scope) -> tuple[Route, Values]:
        path = scope["path"]
        raw: bytes = scope.get("raw_path") or b""
        found = self._table.find(scope["method"], _with_slashes(raw) if b"%2" in raw else path)
        if found is not None:
            return found
        if path.startswith(self._prefixes):
            raise HTTPException(404)
        raise FallThrough

    async def _send_response(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a handler's own response; what it fails with after its start, only the server can tell the client."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await response(scope, receive, watched)
        except Exception as exc:
            if started:
                raise
            await _send(self._problems.written(scope, exc), scope, send)


async def _left(_scope: Scope, _receive: Receive, _values: Values) -> Answer:
    raise FallThrough


def _with_slashes(raw: bytes) -> str:
    """The decoded path in which an encoded slash can be told from a border between segments."""
    return SLASH.join(map(unquote, _ENCODED_SLASH.split(raw.decode("latin-1"))))


async def _send(answer: Written, scope: Scope, send: Send) -> None:
    status, headers, body = answer
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
