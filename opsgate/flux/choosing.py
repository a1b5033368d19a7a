"""Which engine runs the jobs of the Flux API, and why."""

from __future__ import annotations

from dataclasses import dataclass

from opsgate import job_engine
from opsgate.backends.flux.local.backend import LocalBackend
from opsgate.backends.flux.port import FluxBackend
from opsgate.config import ConfigError, Settings


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
    if wanted == "flux":
        raise ConfigError("flux.engine: Flux itself cannot be used yet")
    reason = "asked for" if wanted == "local" else "there is no Flux here"
    return Choice(LocalBackend(job_engine.of(settings)), reason)
