"""The APIs: one record each, joining what carries the same name in specs, handlers, backends and configuration."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from starlette.types import ASGIApp

from opsgate import job_engine, problems
from opsgate.backends.ecflow.address import Address as EcflowAddress
from opsgate.backends.ecflow.engine import connect as connect_ecflow
from opsgate.backends.ecflow.limits import Limits as EcflowLimits
from opsgate.backends.ecflow.port import User as EcflowUser
from opsgate.backends.hoplite.backend import HopliteBackend
from opsgate.backends.hoplite.jobs import Options as HopliteOptions
from opsgate.backends.hoplite.plugins import Plugins
from opsgate.backends.hoplite.search_path import Interpreter, SearchPath
from opsgate.backends.hoplite.webhooks import Rules as WebhookRules
from opsgate.backends.hoplite.webhooks import Webhooks
from opsgate.backends.jobs import environment
from opsgate.backends.supvisors.engine import connect as connect_supvisors
from opsgate.backends.supvisors.limits import Limits as SupvisorsLimits
from opsgate.config import ConfigError, Settings
from opsgate.ecflow.layers import EcflowLayers
from opsgate.ecflow.service import EcflowService
from opsgate.site import Site

_AROUND_DOCUMENT = 65_536
"""How much larger a body may be than the config or status in it."""


class Backend(Protocol):
    """What the frame needs of every API's backend; the handlers need its ports besides."""

    async def ready(self) -> dict[str, Any]:
        """Describe the engine (name, version, state); raise an `EngineError` when it can't be used."""

    async def aclose(self) -> None:
        """Let go of connections."""


@runtime_checkable
class Working(Protocol):
    """A backend that has something to do while no request comes in."""

    async def aopen(self) -> None:
        """Begin; called once in each worker. What it raises is logged, and each request tells it anew."""


class Layers(Protocol):
    """What one API needs of the frame beyond the others."""

    security: Mapping[str, Any]
    """Connexion's security map."""

    def outside(self, app: ASGIApp, site: Site) -> ASGIApp:
        """What surrounds the guard."""

    def inside(self, app: ASGIApp, site: Site) -> ASGIApp:
        """What lies behind the guard, in front of everything else."""

    def present(self, site: Site) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """What surrounds each handler."""


@dataclass(frozen=True)
class Api:
    """One API.

    Attributes:
        name: The join key; also the path prefix without its slash.
        title: What people call it.
        connect: Makes the backend from the settings, without input or output: that begins with the first call.
        render: The shape of its error bodies.
        lenient: Whether its document's clients send JSON bodies without saying so.
        ascii: Whether its JSON is ASCII, for clients that cannot read any other.
        any_text: Whether whatever is no name of its things is simply not found, a NUL in the path included.
        max_body: The largest body it takes, in bytes, where that is not ``server.max_body``.
        statuses: Which failures have another status than elsewhere.
        consumed: Query parameters that its layers deal with, not its handlers.
        layers: What it needs around the guard, behind it and around its handlers.
    """

    name: str
    title: str
    connect: Callable[[Settings], Backend]
    render: problems.Renderer
    lenient: bool = False
    ascii: bool = False
    any_text: bool = False
    max_body: Callable[[Settings], int] | None = None
    statuses: problems.Statuses | None = None
    consumed: Collection[str] = ()
    layers: Layers | None = None

    @property
    def prefix(self) -> str:
        """Where it is on an address with several APIs."""
        return f"/{self.name}"


def _supvisors(settings: Settings) -> Backend:
    chosen = settings.supvisors
    if not chosen.url:
        raise ConfigError(
            "supvisors.url: not set; say which supervisord with -u http://HOST:PORT or unix:///PATH, "
            "SUPERVISOR_SERVER_URL, or run `opsgate up` for a private one"
        )
    try:
        return connect_supvisors(
            chosen.url,
            username=chosen.username or None,
            password=chosen.password or None,
            limits=SupvisorsLimits(
                short=chosen.timeout,
                long=chosen.wait_timeout,
                waiting=chosen.max_waiting,
                numprocs=chosen.max_numprocs,
            ),
        )
    except ValueError as exc:
        raise ConfigError(f"supvisors.url: {exc}") from exc


def _hoplite(settings: Settings) -> Backend:
    chosen = settings.hoplite
    python = chosen.python or sys.executable
    search_path = SearchPath(Interpreter(python, environment.base()), chosen.plugin_paths)
    try:
        plugins = Plugins(search_path, chosen.builtin_plugins)
    except ValueError as exc:
        raise ConfigError(f"hoplite.builtin_plugins: {exc}") from exc
    webhooks = Webhooks(
        job_engine.state_dir(settings) / "webhooks", WebhookRules(chosen.webhook_hosts, chosen.webhook_secret)
    )
    options = HopliteOptions(
        address=chosen.address or _reachable("hoplite", settings),
        interpreter=python,
        max_document=chosen.max_document,
        grace=chosen.grace,
    )
    return HopliteBackend(job_engine.of(settings), plugins, webhooks, options)


def _ecflow(settings: Settings) -> Backend:
    chosen = settings.ecflow
    try:
        context = ssl.create_default_context(cafile=chosen.certificate) if chosen.certificate else None
        if context is not None:
            context.check_hostname = False  # the server's certificate is made for itself, and is the one we trust
        where = EcflowAddress(chosen.host, chosen.port, context)
        user = EcflowUser(chosen.user, chosen.password or None) if chosen.user else None
        limits = EcflowLimits(
            answer=chosen.timeout,
            polling_interval=chosen.polling_interval,
            max_polling_interval=chosen.max_polling_interval,
        )
        return EcflowService(connect_ecflow(where, user=user, shared=_common(settings), limits=limits))
    except (OSError, ValueError) as exc:
        raise ConfigError(f"ecflow: {exc}") from exc


def _common(settings: Settings) -> Path:
    """The directory of all workers in front of one ecflow_server: of all gateways of this user, too."""
    chosen = settings.ecflow
    base = Path(chosen.state_dir).absolute() if chosen.state_dir else job_engine.state_dir(settings).parent / "ecflow"
    return base / f"{chosen.host}.{chosen.port}".replace("/", "_")


def _reachable(name: str, settings: Settings) -> str:
    """Where this machine's processes reach an API: host and port, with the API's path where it has no own address."""
    offered = [address for address in settings.addresses if address.port and address.api in (None, name)]
    if not offered:
        return ""
    address = next((address for address in offered if address.api), offered[0])
    place = address.loopback.bind
    return place if address.api else f"{place}/{name}"


APIS: Mapping[str, Api] = {
    api.name: api
    for api in (
        Api("supvisors", "Supvisors REST API", _supvisors, problems.render_message),
        Api(
            "ecflow",
            "ecFlow REST API",
            _ecflow,
            problems.render_request,
            lenient=True,
            any_text=True,
            max_body=lambda settings: settings.ecflow.max_body,
            statuses=problems.ecflow_status,
            consumed=("filter", "key"),
            layers=EcflowLayers(),
        ),
        Api(
            "hoplite",
            "Hoplite Server HTTP API",
            _hoplite,
            problems.render_error,
            ascii=True,
            any_text=True,
            max_body=lambda settings: settings.hoplite.max_document + _AROUND_DOCUMENT,
        ),
    )
}


def chosen(settings: Settings) -> list[Api]:
    """The APIs that the settings ask for, in our order.

    Raises:
        ConfigError: A name that is no API, in ``apis`` or before an address.
    """
    for name in [*settings.apis, *(address.api for address in settings.addresses if address.api)]:
        if name not in APIS:
            raise ConfigError(f"apis: {name!r} is not one of {', '.join(APIS)}")
    selected = [api for name, api in APIS.items() if not settings.apis or name in settings.apis]
    for address in settings.addresses:
        if address.api and address.api not in [api.name for api in selected]:
            raise ConfigError(f"server.bind: {address.api} has an address, but is not among the apis to serve")
    return selected
