"""Turns failures into answers: one table from meaning to status, one shape of body per API.

Whatever goes wrong below an API's prefix is answered in the shape that API's document shows, the framework's own
failures (unknown path, wrong method, bad parameter, body too large) included.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextvars import ContextVar
from http import HTTPStatus

from connexion.exceptions import ProblemException
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect
from starlette.types import Scope, Send

from opsgate.backends import errors
from opsgate.metrics.meter import Meter
from opsgate.validation import first_line, json_text

log = logging.getLogger("opsgate.problems")

STATUS: Mapping[type[errors.EngineError], HTTPStatus] = {
    errors.Invalid: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Denied: HTTPStatus.FORBIDDEN,
    errors.TooMany: HTTPStatus.TOO_MANY_REQUESTS,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Unsupported: HTTPStatus.NOT_IMPLEMENTED,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Away: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Timeout: HTTPStatus.GATEWAY_TIMEOUT,
    errors.Broken: HTTPStatus.BAD_GATEWAY,
}

Body = dict[str, object]
Renderer = Callable[[int, str, errors.EngineError | None], Body]
"""Builds an error body from the status, a sentence and, where an engine failed, its failure."""

Statuses = Callable[[errors.EngineError], int | None]
"""The status that an API's document wants for a failure, ``None`` for that of the table."""

Challenges = Sequence[str]
"""How credentials may be shown, each way in a ``WWW-Authenticate`` of its own: Chromium takes two in one for none."""

CHALLENGES: Challenges = ('Bearer realm="opsgate"',)
"""Those of APIs whose document says nothing of it."""

asked: ContextVar[Scope] = ContextVar("asked")
"""The request under way, for renderers whose body tells of it."""

_ECHOED = 1024
_SECRET = b"ECF_PASS"

Headers = list[tuple[str, str]]

Answer = tuple[int, bytes, Headers]
"""Status, JSON body, further headers."""

Written = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, all headers, body, as ASGI has them."""

ErrorHandler = Callable[[ConnexionRequest, Exception], Awaitable[ConnexionResponse]]


def render_message(_status: int, message: str, failure: errors.EngineError | None) -> Body:
    """``{"message", "code"}``: the Supvisors document. `code` is the XML-RPC fault code, where there is one."""
    body: Body = {"message": message}
    if failure is not None and failure.code is not None:
        body["code"] = failure.code
    return body


def render_error(_status: int, message: str, failure: errors.EngineError | None) -> Body:
    """``{"error"}`` and what the failure has besides: the Hoplite document and its published client."""
    return {"error": message} if failure is None else {"error": message, **failure.details}


def render_request(status: int, message: str, failure: errors.EngineError | None) -> Body:
    """``{"code", "status", "message", "path", "method", "body"}``: the ecFlow document. No password is sent back."""
    scope = asked.get()
    path = scope.get("opsgate.path", scope["path"])
    body: Body = {"code": status, "status": status, "message": message, "path": path, "method": scope["method"]}
    sent: bytes = scope.get("opsgate.body", b"")
    if sent and _SECRET not in sent:
        body["body"] = sent.decode(errors="replace")[:_ECHOED]
    return body if failure is None else {**body, **failure.details}


def ecflow_status(failure: errors.EngineError) -> int | None:
    """What differs in the ecFlow API: a server that is away is 502; 503 is one that is halted."""
    return HTTPStatus.BAD_GATEWAY if isinstance(failure, errors.Away) else None


def render_problem(status: int, message: str, failure: errors.EngineError | None) -> Body:
    """``{"title", "status", "detail", "message"}`` and more: Red Engine's `message`, and what RFC 9457 calls it."""
    body: Body = {"title": HTTPStatus(status).phrase, "status": status, "detail": message, "message": message}
    return body if failure is None else {**body, **failure.details}


def render_detail(_status: int, message: str, failure: errors.EngineError | None) -> Body:
    """``{"Message", "detail"}`` and what the failure has besides: the Flux document, whose clients print `Message`."""
    body: Body = {"Message": message, "detail": message}
    return body if failure is None else {**body, **failure.details}


def flux_status(failure: errors.EngineError) -> int | None:
    """What differs in the Flux API: a job that is over is no conflict there, but a bad request."""
    return HTTPStatus.BAD_REQUEST if isinstance(failure, errors.Conflict) else None


def render_plain(status: int, message: str, _failure: errors.EngineError | None) -> Body:
    """``{"status", "message"}``: our own pages, which belong to no document."""
    return {"status": status, "message": message}


class Problems:
    """Answers failures, choosing the body's shape by the prefix of the path."""

    def __init__(
        self,
        renderers: Mapping[str, Renderer],
        *,
        ascii_only: Collection[str] = (),
        statuses: Mapping[str, Statuses] | None = None,
        challenges: Mapping[str, Challenges] | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Take one renderer per path prefix, e.g. ``{"/supvisors": render_message}``.

        Args:
            renderers: The renderers.
            ascii_only: The prefixes where JSON must be ASCII.
            statuses: Statuses that differ from the table, by prefix.
            challenges: How to show credentials, by prefix: what comes with a 401.
            meter: Counts the failures of engines.
        """
        self._meter = meter or Meter()
        self._statuses = dict(statuses or {})
        self._challenges = dict(challenges or {})
        self._renderers = dict(renderers)
        self._ascii_only = frozenset(ascii_only)

    def body(self, path: str, status: int, message: str, failure: errors.EngineError | None = None) -> bytes:
        """The JSON text of an error below `path`."""
        prefix = _prefix(path)
        render = self._renderers.get(prefix, render_plain)
        return json_text(render(status, message, failure), ascii_only=prefix in self._ascii_only)

    def answer(self, scope: Scope, exc: Exception, challenges: Challenges = ()) -> Answer:
        """Status, JSON body and further headers for whatever a request failed with."""
        if isinstance(exc, errors.EngineError):
            return self.of_failure(scope["path"], exc, challenges)
        if isinstance(exc, HTTPException):
            return self._of_http(scope, exc)
        if isinstance(exc, MultiPartException):
            return 400, self.body(scope["path"], 400, f"The multipart body is broken: {exc}"), []
        if isinstance(exc, ClientDisconnect):  # nobody reads this, and nothing of ours failed
            return 400, self.body(scope["path"], 400, "The body did not come to its end"), []
        _log(scope, "unexpected failure", exc)
        return 500, self.body(scope["path"], 500, "Internal error; see the server's log"), []

    def of_failure(self, path: str, failure: errors.EngineError, differing: Challenges = ()) -> Answer:
        """Status, body and further headers for an engine's failure; `differing` challenges replace the API's own."""
        self._meter.failed(_prefix(path)[1:], failure)
        differs = self._statuses.get(_prefix(path))
        status = int((differs and differs(failure)) or STATUS[type(failure)])
        headers = [] if failure.retry_after is None else [("Retry-After", str(failure.retry_after))]
        if status == HTTPStatus.UNAUTHORIZED:
            challenges = differing or self._challenges.get(_prefix(path), CHALLENGES)
            headers += [("WWW-Authenticate", challenge) for challenge in challenges]
        return status, self.body(path, status, failure.message, failure), headers

    def written(self, scope: Scope, exc: Exception, *, challenges: Challenges = ()) -> Written:
        """The same as it is sent; `challenges` say how to show credentials where that differs from the API's own."""
        status, body, further = self.answer(scope, exc, challenges)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in further]
        return status, headers, body

    async def refuse(self, scope: Scope, send: Send, exc: Exception, *, challenges: Challenges = ()) -> None:
        """Answer a request that goes no further."""
        status, headers, body = self.written(scope, exc, challenges=challenges)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _of_http(self, scope: Scope, exc: HTTPException) -> Answer:
        """404 and 405 of the router, and Connexion's own problems (bad parameter, body, media type)."""
        status = exc.status_code
        message = first_line(exc.detail or HTTPStatus(status).phrase)
        if status == HTTPStatus.NOT_FOUND and message == HTTPStatus.NOT_FOUND.phrase:
            message = f"No such path: {scope.get('opsgate.path', scope['path'])}"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log(scope, message, exc)
        return status, self.body(scope["path"], status, message), list((exc.headers or {}).items())

    def handlers(self) -> Iterable[tuple[type[Exception], ErrorHandler]]:
        """What Connexion's exception middleware calls, by exception type; it would answer its own problems itself."""
        kinds = (errors.EngineError, ProblemException, HTTPException, MultiPartException, Exception)
        return [(kind, self._respond) for kind in kinds]

    async def _respond(self, request: ConnexionRequest, exc: Exception) -> ConnexionResponse:
        status, headers, body = self.written(request.scope, exc)
        return ConnexionResponse(status, headers=MutableHeaders(raw=headers), body=body)


def _prefix(path: str) -> str:
    return "/" + path.split("/", 2)[1] if path.startswith("/") else ""


def _log(scope: Scope, what: str, exc: Exception) -> None:
    log.error("%s %s, request %s: %s", scope["method"], scope["path"], scope.get("request_id"), what, exc_info=exc)
