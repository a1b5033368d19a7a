"""The backend of the Hoplite API: what its handlers need, and what the frame needs of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from opsgate.backends.calls import Calls
from opsgate.backends.hoplite.jobs import API, Jobs, Options
from opsgate.backends.hoplite.plugins import Plugins
from opsgate.backends.hoplite.webhooks import Webhooks
from opsgate.backends.jobs.engine import OpenEngine
from opsgate.backends.jobs.measures import by_state
from opsgate.backends.jobs.model import Query
from opsgate.backends.jobs.states import State
from opsgate.backends.measures import Measure


class HopliteBackend(Jobs):
    """Job plugins, and jobs on the job engine. Nothing is opened before it is used."""

    def __init__(self, engine: OpenEngine, plugins: Plugins, webhooks: Webhooks, options: Options) -> None:
        """See `Jobs`."""
        super().__init__(engine, plugins, webhooks, options)
        self._delivery: asyncio.Task[None] | None = None

    async def plugin_names(self) -> list[str]:
        """See `PluginsPort`."""
        return await asyncio.to_thread(self._plugins.names)

    async def plugin_paths(self) -> list[str]:
        """See `PluginsPort`."""
        return await asyncio.to_thread(self._plugins.search_path.directories)

    async def reload_plugins(self) -> list[str]:
        """See `PluginsPort`."""
        self._plugins.forget()
        return await self.plugin_names()

    async def aopen(self) -> None:
        """Begin to look after what does not wait for requests; once per worker."""
        await self._engine()
        if self._webhooks.are_possible:
            self._delivery = asyncio.create_task(self.deliver())

    async def ready(self) -> dict[str, Any]:
        """Describe the engine: the jobs that run and wait, and how many plugins there are to run."""
        engine, names = await self._engine(), await self.plugin_names()
        running = await engine.count(API, Query(states=(State.STARTING, State.RUNNING)))
        waiting = await engine.count(API, Query(states=(State.QUEUED,)))
        return {"name": "jobs", "state": f"{running} running, {waiting} waiting", "plugins": len(names)}

    @property
    def calls(self) -> Sequence[Calls]:
        """The changes of the job store, and what its executors ask."""
        return self._engine.calls

    async def measures(self) -> Sequence[Measure]:
        """Count the jobs by state."""
        return await by_state(await self._engine(), API)

    async def aclose(self) -> None:
        """Stop looking after things; jobs run on."""
        if self._delivery is not None:
            self._delivery.cancel()
            with suppress(asyncio.CancelledError):
                await self._delivery
        await self._engine.aclose()
