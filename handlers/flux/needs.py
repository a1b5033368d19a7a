"""What these handlers need beside the engine's ports, as protocols; and what they answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from opsgate.backends.flux.port import NewJob, Resources
from opsgate.backends.flux.record import Page, Record

JsonObject = dict[str, Any]

Given = Mapping[str, str]
"""All of a query: what each name was last given."""


@dataclass(frozen=True, slots=True)
class Written:
    """An answer whose JSON is written already.

    Attributes:
        body: The JSON.
        page: The list that it shows; None where it may look otherwise although no job changed.
        form: Which form of the list, if it is worth keeping compressed: each stays as long as its page.
    """

    body: bytes
    page: Page | None = None
    form: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator says about submissions.

    Attributes:
        max_nodes: The most nodes that a job may ask for; 0 for all there are.
        has_gpus: Whether there are GPUs although the engine sees none.
        option_flags: Shell options of jobs that bring none.
    """

    max_nodes: int = 0
    has_gpus: bool = False
    option_flags: Mapping[str, object] = field(default_factory=dict)


class SubmissionPort(Protocol):
    """Where jobs are submitted."""

    @property
    def rules(self) -> Rules:
        """What the operator says."""

    async def submit(self, new: NewJob) -> Record:
        """See `opsgate.backends.flux.port.JobsPort.submit`."""

    async def resources(self) -> Resources:
        """See `opsgate.backends.flux.port.NodesPort.resources`."""

    async def launch(self, new: NewJob) -> None:
        """Run a command beside the service, not as a job; `Invalid` when that is not possible."""


class TokensPort(Protocol):
    """Access tokens."""

    def is_user(self, user: str, token: str) -> bool:
        """Whether these are the user and the token."""

    def issue(self) -> str:
        """Return a new access token."""


class ServicePort(Protocol):
    """The service itself."""

    def describe(self) -> JsonObject:
        """Return what serves here, without its links."""

    async def stop(self) -> None:
        """End the engine and the service, soon after the answer; `Denied` where that is not to be."""
