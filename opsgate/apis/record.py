"""What an API is to the frame: one record each, joining what carries the same name everywhere."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from starlette.types import ASGIApp

from opsgate import problems
from opsgate.access.gate import Exempt
from opsgate.settings import Settings
from opsgate.site import Site


class Backend(Protocol):
    """What the frame needs of every API's backend; the handlers need its ports besides."""

    async def ready(self) -> dict[str, Any]:
        """Describe the engine (name, version, state); raise an `EngineError` when it can't be used."""

    async def aclose(self) -> None:
        """Let go of connections."""


@runtime_checkable
class Working(Protocol):
    """A backend that has something to do while no request comes in."""

    async def aopen(self) -> None:
        """Begin; called once in each worker. What it raises is logged, and each request tells it anew."""


class Layers(Protocol):
    """What one API needs of the frame beyond the others."""

    def outside(self, app: ASGIApp, site: Site) -> ASGIApp:
        """What surrounds the guard."""

    def inside(self, app: ASGIApp, site: Site) -> ASGIApp:
        """What lies behind the guard, in front of everything else."""

    def present(self, site: Site) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """What surrounds each handler."""


@dataclass(frozen=True)
class Api:
    """One API.

    Attributes:
        name: The join key; also the path prefix without its slash.
        title: What people call it.
        connect: Makes the backend from the settings, without input or output: that begins with the first call.
        render: The shape of its error bodies.
        lenient: Whether its document's clients send JSON bodies without saying so.
        ascii: Whether its JSON is ASCII, for clients that cannot read any other.
        any_text: Whether whatever is no name of its things is simply not found, a NUL in the path included.
        max_body: The largest body it takes, in bytes, where that is not ``server.max_body``.
        statuses: Which failures have another status than elsewhere.
        consumed: Query parameters that its layers deal with, not its handlers.
        whole_query: The argument in which its layers give a handler all of the query.
        challenges: How credentials are shown to it.
        exempt: Which requests prove by themselves that they may be made, where all others need credentials.
        layers: What it needs around the guard, behind it and around its handlers.
    """

    name: str
    title: str
    connect: Callable[[Settings], Backend]
    render: problems.Renderer
    lenient: bool = False
    ascii: bool = False
    any_text: bool = False
    max_body: Callable[[Settings], int] | None = None
    statuses: problems.Statuses | None = None
    consumed: Collection[str] = ()
    whole_query: str = ""
    challenges: problems.Challenges = problems.CHALLENGES
    exempt: Exempt | None = None
    layers: Layers | None = None

    @property
    def prefix(self) -> str:
        """Where it is on an address with several APIs."""
        return f"/{self.name}"
