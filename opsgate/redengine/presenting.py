"""From what handlers return to answers: finished JSON with ETag and gzip, pages with a link to the next, streams."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlencode

from connexion.context import _scope
from starlette.types import Scope

from opsgate import packed
from opsgate.backends.redengine.port import Document, LogPage
from opsgate.compiled.parameters import parse_query
from opsgate.streaming import stream

Handler = Callable[..., Awaitable[Any]]

QUERY: Final = "query"
"""The argument in which handlers get a query string as ``[(name, value), ...]``."""
_HEADERS: Final = [(b"cache-control", b"no-cache"), (b"vary", b"Accept-Encoding")]
_MEDIA_TYPE: Final = "application/json"


class Presenter:
    """Gives handlers the query they ask for, and presents what they return."""

    def __call__(self, handler: Handler) -> Handler:
        """`handler`, its results presented."""
        takes_query = QUERY in inspect.signature(handler).parameters

        @functools.wraps(handler)
        async def presented(**arguments: Any) -> Any:
            scope = _scope.get()
            if takes_query:
                arguments[QUERY] = parse_query(scope["query_string"])
            return await _present(await handler(**arguments), scope)

        return presented


async def _present(result: Any, scope: Scope) -> Any:
    if isinstance(result, Document):
        tag = f'W/"{result.change}"' if scope["method"] in ("GET", "HEAD") else ""
        return packed.answer(scope, result.body, _HEADERS, tag=tag)
    if isinstance(result, LogPage):
        return packed.answer(scope, result.body, [*_HEADERS, *_links(result, scope)])
    if isinstance(result, AsyncIterator):
        return await stream(result, bytes, media_type=_MEDIA_TYPE)
    return result


def _links(page: LogPage, scope: Scope) -> packed.Headers:
    if page.after_id is not None:
        yield b"link", f'<{_next(scope, page.after_id)}>; rel="next"'.encode("latin-1")


def _next(scope: Scope, after_id: int) -> str:
    """The URL of the next page, as the client sees this service."""
    kept = [(name, value) for name, value in parse_query(scope["query_string"]) if name not in ("after_id", "offset")]
    path: str = scope.get("opsgate.path", scope["path"])
    return f"{path}?{urlencode([*kept, ('after_id', after_id)])}"
