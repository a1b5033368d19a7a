"""The backend of the ecFlow API: the ports of one ecflow_server, and this service's own counters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opsgate.backends.calls import Calling, Calls
from opsgate.backends.ecflow.port import EcflowBackend, User
from opsgate.backends.measures import Measure, Measured
from opsgate.ecflow.statistics import Statistics


class EcflowService:
    """One port per handler module."""

    def __init__(self, backend: EcflowBackend) -> None:
        """Serve `backend`."""
        self._backend = backend
        self.suites = backend.suites
        self.nodes = backend.nodes
        self.status = backend.status
        self.attributes = backend.attributes
        self.server = backend.server
        self.events = backend.events
        self.statistics = Statistics()

    async def authenticate(self, user: User) -> None:
        """Have the server judge a user and password; `Unauthenticated`."""
        await self._backend.authenticate(user)

    async def ready(self) -> dict[str, Any]:
        """Describe the server."""
        return await self._backend.ready()

    @property
    def calls(self) -> Sequence[Calls]:
        """The requests to the server."""
        return self._backend.calls if isinstance(self._backend, Calling) else []

    async def measures(self) -> Sequence[Measure]:
        """What the server tells of itself."""
        return await self._backend.measures() if isinstance(self._backend, Measured) else []

    async def aclose(self) -> None:
        """Let go of it."""
        await self._backend.aclose()
