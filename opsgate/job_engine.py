"""The job engine of this process: one for all APIs whose jobs run on it, opened when it is first needed."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from opsgate import broker
from opsgate.backends.calls import Calls
from opsgate.backends.flux.broker import executor as flux_executor
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.broker.executor import FluxExecutor
from opsgate.backends.jobs import environment
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.executor import Executor
from opsgate.backends.jobs.housekeeping import Keep
from opsgate.backends.jobs.settings import Settings as EngineSettings
from opsgate.settings import Settings

APIS = ("flux", "hoplite", "redengine")
"""The APIs that have jobs on it."""
_TIDY_THEMSELVES = ("redengine",)
"""Those that know which of their finished jobs they still need."""


class JobEngine:
    """Opens the engine once per process and event loop; calling it gives the engine.

    Attributes:
        calls: Counts the changes of its store, and what its executors ask others.
    """

    def __init__(self, settings: Callable[[], EngineSettings], others: Sequence[Calls] = ()) -> None:
        """Open it with these settings, when it is needed; `others` count what its executors ask."""
        self._settings = settings
        self._changes = Calls("jobs")
        self.calls: Sequence[Calls] = (self._changes, *others)
        self._lock = asyncio.Lock()
        self._engine: Engine | None = None

    async def __call__(self) -> Engine:
        """Return the engine; `Unavailable` or `Unsupported` when it cannot be opened."""
        if self._engine is None:
            async with self._lock:
                if self._engine is None:
                    self._engine = await Engine.open(self._settings(), self._changes)
        return self._engine

    async def aclose(self) -> None:
        """Close it. The first of several APIs to do so closes it for all; jobs run on."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()


def of(settings: Settings) -> JobEngine:
    """The engine with the state directory of these settings: the same one for each API of a process."""
    connection = broker.of(settings) if settings.hoplite.executor == flux_executor.NAME else None
    return _of(state_dir(settings), _encoded(settings), connection)


def state_dir(settings: Settings) -> Path:
    """Where its state is kept."""
    if settings.jobs.state_dir:
        return Path(settings.jobs.state_dir).absolute()
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "opsgate" / "jobs"


def _encoded(settings: Settings) -> tuple[int, tuple[tuple[str, int], ...], float, int]:
    """What matters of the settings, as a key."""
    own = tuple((api, cores) for api in APIS if (cores := _own_cores(settings, api)))
    return settings.jobs.cores, own, settings.jobs.keep_seconds, settings.jobs.keep_jobs


def _own_cores(settings: Settings, api: str) -> int:
    """The number of its queue, 0 for the same as others; Flux has cores of its own, and a queue."""
    cores: int = getattr(settings, api).cores
    is_on_flux = api == "hoplite" and settings.hoplite.executor == flux_executor.NAME
    return -1 if is_on_flux and not cores else cores


@functools.cache
def _of(
    root: Path, chosen: tuple[int, tuple[tuple[str, int], ...], float, int], connection: Connection | None
) -> JobEngine:
    cores, own, seconds, jobs = chosen
    keep = Keep(seconds=seconds or None, jobs=jobs or None)
    return JobEngine(
        lambda: EngineSettings(
            root=root,
            cores=_cores(cores),
            queues={api: _cores(number) or 0 for api, number in own},
            executors=_executors(connection),
            keep={api: keep for api in APIS if api not in _TIDY_THEMSELVES} if seconds or jobs else {},
        ),
        [connection.calls] if connection else [],
    )


def _executors(connection: Connection | None) -> dict[str, Executor]:
    if connection is None:
        return {}
    return {flux_executor.NAME: FluxExecutor(connection, environment.base(), sys.executable)}


def _cores(number: int) -> int | None:
    """The engine's words for 0, all of this machine, and -1, any number."""
    return {0: None, -1: 0}.get(number, number)
