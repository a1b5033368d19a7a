"""From what handlers return to answers: finished JSON with ETag, filters, gzip, events, deletions without a body."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import orjson
from connexion.context import _scope
from starlette.responses import Response
from starlette.types import Scope

from opsgate import packed
from opsgate.access.caller import CALLER, sees_secrets
from opsgate.backends.ecflow.port import Change, Document, Event, NodeStatus
from opsgate.compiled.parameters import parse_query
from opsgate.ecflow.filters import select
from opsgate.packed import header
from opsgate.streaming import event, events

Handler = Callable[..., Awaitable[Any]]

_HEADERS: Final = [(b"vary", b"Accept-Encoding, Authorization, X-API-Key"), (b"cache-control", b"no-cache")]


class Presenter:
    """Presents the answers of one API.

    Args:
        prefix: Where it lies; what is created is named accordingly.
        bare: Whether deletions are always answered without a body.
    """

    def __init__(self, prefix: str, *, bare: bool = False) -> None:
        self._prefix = prefix
        self._bare = bare

    def __call__(self, handler: Handler) -> Handler:
        """`handler`, its results presented."""

        @functools.wraps(handler)
        async def presented(**arguments: Any) -> Any:
            return await self._present(await handler(**arguments), _scope.get())

        return presented

    async def _present(self, result: Any, scope: Scope) -> Any:
        if isinstance(result, AsyncIterator):
            return await events(result, _event)
        if isinstance(result, tuple):
            return self._created(*result, scope=scope)
        if scope["method"] == "DELETE" and (self._bare or "return=minimal" in header(scope, b"prefer")):
            return Response(status_code=204)
        if scope["method"] not in ("GET", "HEAD"):
            return result
        return _read(result, scope)

    def _created(self, body: Any, status: int, headers: Mapping[str, str], *, scope: Scope) -> Any:
        prefix = "" if scope.get("opsgate.api") else self._prefix
        return body, status, {**headers, "Location": prefix + headers["Location"]}


def etag(change: Change, *, seen: bool = False) -> str:
    """The ETag of whatever shows this state of the definition; `seen` where secrets are seen."""
    return f'W/"{change.id}{"-s" if seen else ""}"'


def _read(result: Any, scope: Scope) -> Response:
    change = result.change if isinstance(result, Document | NodeStatus) else None
    if change is None:
        return _json(result, scope, _HEADERS, "")
    if isinstance(result, Document):
        scope["opsgate.cached"] = True
    headers = [*_HEADERS, (b"x-ecflow-change", b"%d-%d" % (change.state, change.modify))]
    return _json(result, scope, headers, etag(change, seen=sees_secrets(scope.get(CALLER))))


def _json(result: Any, scope: Scope, headers: packed.Headers, tag: str) -> Response:
    wanted = dict(parse_query(scope["query_string"])).get("filter", "") if scope["query_string"] else ""
    if wanted:
        value = orjson.loads(result.body) if isinstance(result, Document) else _plain(result)
        body = orjson.dumps(select(value, wanted))
    else:
        body = result.body if isinstance(result, Document) else orjson.dumps(_plain(result))
    kept = isinstance(result, Document) and not wanted
    return packed.answer(scope, body, headers, tag=tag, gzipped=(lambda: result.gzipped) if kept else None)


def _plain(result: Any) -> Any:
    if not isinstance(result, NodeStatus):
        return result
    why = {"bottom_up_why": list(result.why.bottom_up), "top_down_why": list(result.why.top_down)}
    return {"status": result.status, "path": result.path, "default_status": result.default_status, "why": why}


def _event(happened: Event) -> bytes:
    return event(happened.id, happened.kind, happened.data)
