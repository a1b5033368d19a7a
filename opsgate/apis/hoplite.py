"""The Hoplite API: plugins that run as jobs of the job engine."""

from __future__ import annotations

import sys

from opsgate import job_engine, problems
from opsgate.apis.record import Api, Backend
from opsgate.backends.errors import Unavailable
from opsgate.backends.flux.broker import bindings
from opsgate.backends.flux.broker import executor as flux_executor
from opsgate.backends.hoplite.backend import HopliteBackend
from opsgate.backends.hoplite.jobs import Options
from opsgate.backends.hoplite.plugins import Plugins
from opsgate.backends.hoplite.search_path import Interpreter, SearchPath
from opsgate.backends.hoplite.webhooks import Rules, Webhooks
from opsgate.backends.jobs import environment
from opsgate.config import ConfigError
from opsgate.settings import Settings

_AROUND_DOCUMENT = 65_536
"""How much larger a body may be than the config or status in it."""


def connect(settings: Settings) -> Backend:
    """The job engine with Hoplite's plugins."""
    chosen = settings.hoplite
    python = chosen.python or sys.executable
    search_path = SearchPath(Interpreter(python, environment.base()), chosen.plugin_paths)
    try:
        plugins = Plugins(search_path, chosen.builtin_plugins)
    except ValueError as exc:
        raise ConfigError(f"hoplite.builtin_plugins: {exc}") from exc
    webhooks = Webhooks(job_engine.state_dir(settings) / "webhooks", Rules(chosen.webhook_hosts, chosen.webhook_secret))
    options = Options(
        address=chosen.address or reachable("hoplite", settings),
        interpreter=python,
        max_document=chosen.max_document,
        grace=chosen.grace,
        executor=_executor(chosen.executor),
    )
    return HopliteBackend(job_engine.of(settings), plugins, webhooks, options)


def _executor(name: str) -> str:
    """The executor, which must be one that can be: whether it can be reached now is another matter."""
    if name == flux_executor.NAME:
        try:
            bindings.load()
        except Unavailable as exc:
            raise ConfigError(f"hoplite.executor: {exc.message}") from exc
    return name


def reachable(name: str, settings: Settings) -> str:
    """Where this machine's processes reach an API: host and port, with the API's path where it has no own address."""
    offered = [address for address in settings.addresses if address.port and address.api in (None, name)]
    if not offered:
        return ""
    address = next((address for address in offered if address.api), offered[0])
    place = address.loopback.bind
    return place if address.api else f"{place}/{name}"


API = Api(
    "hoplite",
    "Hoplite Server HTTP API",
    connect,
    problems.render_error,
    ascii=True,
    any_text=True,
    exempt=lambda method, path, _body: method == "PUT" and path.startswith("/jobs/"),  # by the job's own api_key
    max_body=lambda settings: settings.hoplite.max_document + _AROUND_DOCUMENT,
)
