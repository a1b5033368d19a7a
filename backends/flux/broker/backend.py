"""The Flux engine as a whole."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from opsgate.backends.calls import Calls
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.broker.events import BrokerEvents
from opsgate.backends.flux.broker.jobs import BrokerJobs
from opsgate.backends.flux.broker.machines import Machines
from opsgate.backends.flux.broker.mirror import Mirror
from opsgate.backends.flux.port import EngineName
from opsgate.backends.measures import Measure

_log = logging.getLogger(__name__)


class BrokerBackend:
    """The Flux API in front of a Flux instance. Nothing is opened before it is used.

    Args:
        connection: Leads to the instance.
    """

    engine: EngineName = "flux"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mirror = Mirror(connection)
        machines = Machines(connection)
        self.jobs = BrokerJobs(connection, self._mirror)
        self.events = BrokerEvents(self._mirror, self.jobs)
        self.nodes = machines
        self.service = machines

    async def aopen(self) -> None:
        """Connect, and read the jobs there are; once per worker."""
        await self._mirror.catch_up()

    async def ready(self) -> dict[str, Any]:
        """Describe the instance: its version and size, the jobs that run and wait."""
        table = await self._mirror.current()
        instance = self._connection.instance
        members = {"version": instance.version, "brokers": instance.size} if instance else {}
        return {"name": "flux", **members, "state": f"{len(table)} jobs known"}

    @property
    def calls(self) -> Sequence[Calls]:
        """The requests to the instance."""
        return [self._connection.calls]

    async def measures(self) -> Sequence[Measure]:
        """Count the jobs by state, with Flux's names; of those that are over, the ones that are listed."""
        numbers = (await self._mirror.current()).by_state()
        return [Measure("opsgate_jobs", "Jobs.", number, {"state": state}) for state, number in numbers.items()]

    async def aclose(self) -> None:
        """Hang up; jobs run on."""
        await self.jobs.aclose()
        await self._connection.aclose()
