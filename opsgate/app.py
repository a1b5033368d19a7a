"""Puts the service together: guard, pages, Connexion over the specs, handlers bound to backends."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus

from connexion import AsyncApp
from connexion.options import SwaggerUIOptions
from starlette.types import ASGIApp, Scope

from opsgate import apis, spec
from opsgate.access import origins
from opsgate.access.caller import SECURITY
from opsgate.access.layers import Access
from opsgate.apis import Api, Backend, Working
from opsgate.backends.calls import Calling
from opsgate.backends.errors import EngineError
from opsgate.binding import HandlerResolver, bind
from opsgate.compiled import stock
from opsgate.compiled.middleware import CompiledRoutes
from opsgate.config import NotConfigured
from opsgate.guard import Guard, Limits, Seen
from opsgate.hosts import HostRule
from opsgate.listeners import Listeners
from opsgate.metrics.sharing import Shared
from opsgate.pages import Pages
from opsgate.problems import Problems
from opsgate.records import Records
from opsgate.settings import Settings
from opsgate.site import Site
from opsgate.spec import Document
from opsgate.validation import VALIDATORS, OrjsonJsonifier

log = logging.getLogger("opsgate.app")

Served = list[tuple[Api, Document, Backend]]
Lifespan = Callable[[object], AbstractAsyncContextManager[None]]


def build(settings: Settings, shared: Shared | None = None) -> ASGIApp:
    """The whole service as one ASGI app, for a process that serves nothing else.

    Args:
        settings: What it is to be.
        shared: Where its workers count together; without it, each process counts for itself.

    Raises:
        ConfigError: A wrong setting.
        SpecError: A broken spec.
        BindingError: Specs and handlers that do not fit.
    """
    served: Served = [(api, spec.load(api.name), backend) for api, backend in _connected(settings)]
    app = assemble(settings, served, shared=shared)
    gc.collect()
    gc.freeze()  # the app stays: looking through all of it now and then would stop every request for 50 ms
    return app


def _connected(settings: Settings) -> list[tuple[Api, Backend]]:
    """The APIs to serve and their backends; those without a configured engine are left out unless asked for by name."""
    connected = []
    for api in apis.chosen(settings):
        try:
            connected.append((api, api.connect(settings)))
        except NotConfigured as exc:
            if api.name in settings.named:
                raise
            log.warning("%s is left out: %s", api.name, exc)
    return connected


def assemble(settings: Settings, served: Served, *, fast: bool = True, shared: Shared | None = None) -> ASGIApp:
    """The same from APIs with their documents and backends.

    Args:
        settings: Of these only ``[server]`` counts.
        served: What to serve.
        fast: Whether operations are compiled (docs/fast-path.md); without, Connexion's own stack answers everything.
        shared: As for `build`.

    Raises:
        BindingError: Specs and handlers that do not fit.
    """
    shared = shared or Shared()
    server = settings.server
    records = Records(server.access_log, server.audit_log, as_json=server.log_format == "json")
    chosen = [api for api, _, _ in served]
    problems = _problems(chosen, shared)
    for _, _, backend in served:
        if isinstance(backend, Calling):
            shared.meter.watch(backend.calls)
    layered = [
        (api.layers, Site(api.prefix, document, backend, settings, problems))
        for api, document, backend in served
        if api.layers is not None
    ]
    app: ASGIApp = _connexion(settings, served, problems, _lifespan(served, shared, records), fast=fast)
    app = Pages(app, served, problems, shared)
    access = Access(server, chosen, problems)
    app = access.behind(app)
    for layers, site in layered:
        app = layers.inside(app, site)
    app = access.before(app)
    app = Guard(app, limits=_limits(settings, chosen), render=problems.body, seen=_seen(shared, records, access))
    for layers, site in layered:
        app = layers.outside(app, site)
    app = origins.surround(app, server.origins)
    return Listeners(app, settings.addresses) if any(address.api for address in settings.addresses) else app


def _problems(chosen: Sequence[Api], shared: Shared) -> Problems:
    """Renders failures as each API's document wants them."""
    return Problems(
        {api.prefix: api.render for api in chosen},
        ascii_only=[api.prefix for api in chosen if api.ascii],
        statuses={api.prefix: api.statuses for api in chosen if api.statuses is not None},
        challenges={api.prefix: api.challenges for api in chosen},
        meter=shared.meter,
    )


def _limits(settings: Settings, chosen: Sequence[Api]) -> Limits:
    """What the guard lets through to each API."""
    server = settings.server
    return Limits(
        max_body=server.max_body,
        hosts=HostRule([a.host for a in settings.addresses if a.host], server.hosts, server.origins),
        lenient=[f"{api.prefix}/" for api in chosen if api.lenient],
        any_text=[f"{api.prefix}/" for api in chosen if api.any_text],
        bodies={api.prefix: api.max_body(settings) for api in chosen if api.max_body is not None},
    )


def _connexion(settings: Settings, served: Served, problems: Problems, lifespan: Lifespan, *, fast: bool) -> ASGIApp:
    first = [functools.partial(CompiledRoutes, problems=problems)] if fast else []
    app = AsyncApp(
        "opsgate",
        middlewares=[*first, *stock.MIDDLEWARES],
        lifespan=lifespan,
        validator_map=VALIDATORS,
        validate_responses=settings.server.validate_responses,
        swagger_ui_options=SwaggerUIOptions(swagger_ui=False),
    )
    for api, document, backend in served:
        site = Site(api.prefix, document, backend, settings, problems)
        present = api.layers.present(site) if api.layers else None
        handlers = bind(
            api.name, document, backend, present=present, consumed=api.consumed, whole_query=api.whole_query
        )
        app.add_api(
            document,
            base_path=api.prefix,
            name=api.name,
            resolver=HandlerResolver(handlers),
            jsonifier=OrjsonJsonifier(ascii=api.ascii),
            security_map=SECURITY,
        )
    for kind, handler in problems.handlers():
        app.add_error_handler(kind, handler)
    # Connexion would do this with the first event, in each worker, when it is too late to refuse a broken spec.
    app.middleware.app, app.middleware.middleware_stack = app.middleware._build_middleware_stack()
    entry: ASGIApp = app.middleware.app if fast else app  # the fast path needs nothing of what is around it
    return entry


def _seen(shared: Shared, records: Records, access: Access) -> Seen:
    count, record = shared.meter.answered, records.answered if records.wanted else None

    def seen(scope: Scope, status: int, seconds: float) -> None:
        count(scope, status, seconds)
        if status == HTTPStatus.UNAUTHORIZED:
            access.unauthenticated(scope)
        if record is not None:
            record(scope, status, seconds)

    return seen


def _lifespan(served: Served, shared: Shared, records: Records) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        for api, _, backend in served:
            if isinstance(backend, Working):
                await _open(api, backend)
        writing = [asyncio.create_task(task) for task in (shared.keep_writing(), records.keep_writing())]
        yield
        for _, _, backend in served:
            await backend.aclose()
        for task in writing:
            task.cancel()
        await asyncio.wait(writing)

    return lifespan


async def _open(api: Api, backend: Working) -> None:
    """Let a backend begin; an engine that is away is no reason not to serve the others."""
    try:
        await backend.aopen()
    except EngineError as exc:
        log.warning("%s: %s", api.name, exc.message)
