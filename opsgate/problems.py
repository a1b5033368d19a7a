"""Turns failures into answers: one table from meaning to status, one shape of body per API.

Whatever goes wrong below an API's prefix is answered in the shape that API's document shows, the framework's own
failures (unknown path, wrong method, bad parameter, body too large) included.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus

import orjson
from connexion.lifecycle import ConnexionRequest, ConnexionResponse
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from opsgate.backends import errors
from opsgate.validation import first_line

log = logging.getLogger("opsgate.problems")

STATUS: Mapping[type[errors.EngineError], HTTPStatus] = {
    errors.Invalid: HTTPStatus.BAD_REQUEST,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.Denied: HTTPStatus.FORBIDDEN,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.Unsupported: HTTPStatus.NOT_IMPLEMENTED,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Timeout: HTTPStatus.GATEWAY_TIMEOUT,
    errors.Broken: HTTPStatus.BAD_GATEWAY,
}

Body = dict[str, object]
Renderer = Callable[[int, str, errors.EngineError | None], Body]
"""Builds an error body from the status, a sentence and, where an engine failed, its failure."""


def render_message(_status: int, message: str, failure: errors.EngineError | None) -> Body:
    """``{"message", "code"}``: the Supvisors document. `code` is the XML-RPC fault code, where there is one."""
    body: Body = {"message": message}
    if failure is not None and failure.code is not None:
        body["code"] = failure.code
    return body


def render_plain(status: int, message: str, _failure: errors.EngineError | None) -> Body:
    """``{"status", "message"}``: our own pages, which belong to no document."""
    return {"status": status, "message": message}


class Problems:
    """Answers failures, choosing the body's shape by the prefix of the path."""

    def __init__(self, renderers: Mapping[str, Renderer]) -> None:
        """Take one renderer per path prefix, e.g. ``{"/supvisors": render_message}``."""
        self._renderers = dict(renderers)

    def body(self, path: str, status: int, message: str, failure: errors.EngineError | None = None) -> bytes:
        """The JSON text of an error below `path`."""
        prefix = "/" + path.split("/", 2)[1] if path.startswith("/") else ""
        render = self._renderers.get(prefix, render_plain)
        return orjson.dumps(render(status, message, failure))

    def of_failure(self, path: str, failure: errors.EngineError) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and further headers for an engine's failure."""
        status = int(STATUS[type(failure)])
        headers = {} if failure.retry_after is None else {"Retry-After": str(failure.retry_after)}
        return status, self.body(path, status, failure.message, failure), headers

    def handlers(self) -> Iterable[tuple[type[Exception], Callable[[ConnexionRequest, Exception], ConnexionResponse]]]:
        """What Connexion's exception middleware calls, by exception type."""
        return (
            (errors.EngineError, self._engine_error),
            (HTTPException, self._http_exception),
            (MultiPartException, self._multipart),
            (Exception, self._unexpected),
        )

    def _engine_error(self, request: ConnexionRequest, exc: Exception) -> ConnexionResponse:
        assert isinstance(exc, errors.EngineError)  # noqa: S101 - for the type checker
        return _response(*self.of_failure(request.scope["path"], exc))

    def _http_exception(self, request: ConnexionRequest, exc: Exception) -> ConnexionResponse:
        """404 and 405 of the router, and Connexion's own problems (bad parameter, body, media type)."""
        assert isinstance(exc, HTTPException)  # noqa: S101 - for the type checker
        detail = first_line(getattr(exc, "detail", None) or HTTPStatus(exc.status_code).phrase)
        if exc.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
            detail = f"No such path: {request.scope['path']}"
        body = self.body(request.scope["path"], exc.status_code, detail)
        return _response(exc.status_code, body, dict(exc.headers or {}))

    def _multipart(self, request: ConnexionRequest, exc: Exception) -> ConnexionResponse:
        return _response(400, self.body(request.scope["path"], 400, f"The multipart body is broken: {exc}"), {})

    def _unexpected(self, request: ConnexionRequest, exc: Exception) -> ConnexionResponse:
        log.error("unexpected failure", exc_info=exc)
        return _response(500, self.body(request.scope["path"], 500, "Internal error; see the server's log"), {})


def _response(status: int, body: bytes, headers: dict[str, str]) -> ConnexionResponse:
    return ConnexionResponse(status, content_type="application/json", headers=headers, body=body)
