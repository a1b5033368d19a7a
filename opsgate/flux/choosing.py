"""Which engine runs the jobs of the Flux API, and why."""

from __future__ import annotations

from dataclasses import dataclass

from opsgate import broker, job_engine
from opsgate.backends.flux.broker import bindings
from opsgate.backends.flux.broker.backend import BrokerBackend
from opsgate.backends.flux.local.backend import LocalBackend
from opsgate.backends.flux.port import FluxBackend
from opsgate.config import ConfigError
from opsgate.settings import Settings


@dataclass(frozen=True)
class Choice:
    """An engine.

    Attributes:
        backend: The engine itself.
        reason: Why it is this one, for people.
    """

    backend: FluxBackend
    reason: str


def choose(settings: Settings) -> Choice:
    """Take the engine that the settings name; with ``auto`` Flux if it can be reached now.

    Raises:
        ConfigError: Flux is asked for, but cannot be used.
    """
    wanted = settings.flux.engine
    if wanted == "local":
        return _local(settings, "asked for")
    trouble = bindings.trouble(settings.flux.uri)
    if trouble is None:
        return Choice(BrokerBackend(broker.of(settings)), "asked for" if wanted == "flux" else "it can be reached")
    if wanted == "flux":
        raise ConfigError(f"flux.engine: there is no Flux: {trouble}")
    return _local(settings, f"there is no Flux: {trouble}")


def _local(settings: Settings, reason: str) -> Choice:
    return Choice(LocalBackend(job_engine.of(settings)), reason)
