"""This service's own counters."""

from __future__ import annotations

from typing import Protocol

from opsgate.backends.ecflow.port import JsonObject


class StatisticsPort(Protocol):
    """The counters of all workers."""

    async def totals(self) -> JsonObject:
        """Return `num_requests`, `num_errors`, `num_cached_requests` and `since`."""


async def get_statistics(statistics: StatisticsPort, /) -> JsonObject:
    """Read the counters of this service."""
    return await statistics.totals()
