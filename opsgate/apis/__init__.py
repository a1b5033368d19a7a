"""The APIs: what carries the same name in specs, handlers, backends and configuration, joined in a module each."""

from __future__ import annotations

from collections.abc import Mapping

from opsgate.apis import ecflow, flux, hoplite, redengine, supvisors
from opsgate.apis.record import Api, Backend, Layers, Working
from opsgate.config import ConfigError
from opsgate.settings import Settings

__all__ = ["APIS", "Api", "Backend", "Layers", "Working", "chosen"]

APIS: Mapping[str, Api] = {api.name: api for api in (supvisors.API, ecflow.API, hoplite.API, flux.API, redengine.API)}


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
