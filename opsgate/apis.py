"""The APIs: one record each, joining what carries the same name in specs, handlers, backends and configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from opsgate import problems
from opsgate.backends.supvisors.engine import connect as connect_supvisors
from opsgate.backends.supvisors.limits import Limits as SupvisorsLimits
from opsgate.config import ConfigError, Settings


class Backend(Protocol):
    """What the frame needs of every API's backend; the handlers need its ports besides."""

    async def ready(self) -> dict[str, Any]:
        """Describe the engine (name, version, state); raise an `EngineError` when it can't be used."""

    async def aclose(self) -> None:
        """Let go of connections."""


@dataclass(frozen=True)
class Api:
    """One API.

    Attributes:
        name: The join key; also the path prefix without its slash.
        title: What people call it.
        connect: Makes the backend from the settings, without input or output: that begins with the first call.
        render: The shape of its error bodies.
        lenient: Whether its document's clients send JSON bodies without saying so.
    """

    name: str
    title: str
    connect: Callable[[Settings], Backend]
    render: problems.Renderer
    lenient: bool = False

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


APIS: Mapping[str, Api] = {
    api.name: api for api in (Api("supvisors", "Supvisors REST API", _supvisors, problems.render_message),)
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
