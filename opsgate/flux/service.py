"""The backend of the Flux API: the engine's ports, and those of this service's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opsgate import __version__
from opsgate.backends.calls import Calling, Calls
from opsgate.backends.flux.port import FluxBackend, NewJob, Resources
from opsgate.backends.flux.record import Record
from opsgate.backends.measures import Measure, Measured
from opsgate.flux.access import Access
from opsgate.flux.launching import Launchers
from opsgate.flux.stopping import Stopping
from opsgate.handlers.flux.needs import JsonObject, Rules

TITLE = "Flux RESTful API"


class Submission:
    """See `opsgate.handlers.flux.needs.SubmissionPort`."""

    def __init__(self, backend: FluxBackend, rules: Rules, launchers: Launchers) -> None:
        """Submit to an engine, by these rules."""
        self.rules = rules
        self.launch = launchers.launch
        self._backend = backend

    async def submit(self, new: NewJob) -> Record:
        """Submit a job."""
        return await self._backend.jobs.submit(new)

    async def resources(self) -> Resources:
        """What there is to run on."""
        return await self._backend.nodes.resources()


class Service:
    """See `opsgate.handlers.flux.needs.ServicePort`."""

    def __init__(self, backend: FluxBackend, stopping: Stopping, *, auth: bool) -> None:
        """Describe, and end."""
        self.stop = stopping.stop
        self._backend = backend
        self._auth = auth

    def describe(self) -> JsonObject:
        """What serves here."""
        return {"name": TITLE, "version": __version__, "engine": self._backend.engine, "auth": self._auth}


class FluxService:
    """One port per handler module.

    Args:
        backend: The engine.
        access: The user.
        auth: Whether requests need credentials.
        rules: What the operator says about submissions.
        uri: The Flux instance for launchers.
        stops: Whether a request may end this service.
    """

    def __init__(  # noqa: PLR0913 - what the operator chooses
        self, backend: FluxBackend, access: Access, *, auth: bool, rules: Rules, uri: str = "", stops: bool = False
    ) -> None:
        self._backend = backend
        self.auth = auth
        self.jobs = backend.jobs
        self.events = backend.events
        self.nodes = backend.nodes
        self.tokens = access
        self.submission = Submission(backend, rules, Launchers(uri))
        self.service = Service(backend, Stopping(backend.service, allowed=stops), auth=auth)

    async def aopen(self) -> None:
        """Let the engine begin; once per worker."""
        await self._backend.aopen()

    async def ready(self) -> dict[str, Any]:
        """Describe the engine."""
        return await self._backend.ready()

    @property
    def calls(self) -> Sequence[Calls]:
        """The calls to the engine."""
        return self._backend.calls if isinstance(self._backend, Calling) else []

    async def measures(self) -> Sequence[Measure]:
        """What the engine tells of itself."""
        return await self._backend.measures() if isinstance(self._backend, Measured) else []

    async def aclose(self) -> None:
        """Let go of it."""
        await self._backend.aclose()
