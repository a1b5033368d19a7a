"""The connection of this process to a Flux instance: one for all APIs whose jobs run there."""

from __future__ import annotations

import functools

from opsgate.backends.flux.broker.connection import Connection
from opsgate.settings import Settings


def of(settings: Settings) -> Connection:
    """The connection to the instance of these settings: the same one in all of a process."""
    return _of(settings.flux.uri, settings.flux.timeout)


@functools.cache
def _of(uri: str, seconds: float) -> Connection:
    return Connection(uri, seconds)
