"""What the handlers of the Hoplite API need, as protocols: what can be run, and its runs.

A job comes as one JSON object with the members of the schema `Job` of the document. Every method on jobs may raise,
besides what it names: `Unavailable` when the store of jobs cannot be read or written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from opsgate.backends.jobs.output import Stream
from opsgate.backends.jobs.pieces import Piece

__all__ = ["HoplitePort", "JobsPort", "JsonObject", "NewJob", "Piece", "PluginsPort", "Selection", "Stream"]

JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to create.

    Attributes:
        plugin_name: The name of its plugin.
        config: What the plugin's `run` gets, as JSON.
        run: Whether to start it at once.
        timeout: Seconds it may run; any time if not given.
        labels: Texts to find it by.
        webhook: Where to send it when it is finished.
    """

    plugin_name: str
    config: JsonObject = field(default_factory=dict)
    run: bool = False
    timeout: float | None = None
    labels: dict[str, str] = field(default_factory=dict)
    webhook: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which jobs to list, and in which order.

    Attributes:
        states: In one of these states; in any if empty.
        plugin_name: Of this plugin.
        labels: With all these labels, each `name=value`.
        order_by: `created_at` or `finished_at`, with a minus the newest first.
        limit: How many at most.
        offset: How many to leave out first.
    """

    states: tuple[str, ...] = ()
    plugin_name: str | None = None
    labels: tuple[str, ...] = ()
    order_by: str = "created_at"
    limit: int | None = None
    offset: int = 0


class PluginsPort(Protocol):
    """What can be run."""

    async def plugin_names(self) -> list[str]:
        """Return the names of the job plugins that are installed now, sorted, each once."""

    async def plugin_paths(self) -> list[str]:
        """Return the directories in which they are looked for."""

    async def reload_plugins(self) -> list[str]:
        """Forget what is known of them, and return their names as `plugin_names` does."""


class JobsPort(Protocol):
    """Runs of job plugins."""

    async def create(self, new: NewJob, key: str | None = None) -> JsonObject:
        """Create a job, and start it if that is wanted, both or neither.

        Args:
            new: The job.
            key: With the key of an earlier job of the same content that one is returned instead.

        `NotFound` (no such plugin), `Denied` (webhook to a host that is not allowed), `Conflict` (the key belongs to
        another content), `TooLarge`.
        """

    async def jobs(self, selection: Selection) -> tuple[list[JsonObject], int]:
        """Return the jobs that are selected, and how many there are without limit and offset."""

    async def job(self, job_uuid: str, wait: float = 0) -> JsonObject:
        """Return a job, when it is finished or after `wait` seconds; `NotFound`."""

    async def job_json(self, job_uuid: str, wait: float = 0) -> bytes:
        """Return what `job` returns as a JSON text, UTF-8; `NotFound`."""

    async def update(self, job_uuid: str, members: JsonObject) -> JsonObject:
        """Replace a job's status by `members["status"]` and return the job.

        In this order: `NotFound`, `Denied` (wrong `api_key`, a member that cannot be updated), `Invalid` (no status),
        `TooLarge`.
        """

    async def start(self, job_uuid: str) -> None:
        """Start a job; `NotFound`, `Denied` when it was started before."""

    async def kill(self, job_uuid: str) -> None:
        """End a job, without waiting for that; nothing if it is finished. `NotFound`, `Denied` when not started."""

    async def delete(self, job_uuid: str) -> None:
        """Remove a job; `NotFound`, `Conflict` while it is on its way."""

    async def output(self, job_uuid: str, piece: Piece) -> JsonObject:
        """Return `{"uuid", "stream", "text", "offset", "next_offset", "size", "complete"}`; `NotFound`."""


class HoplitePort(PluginsPort, JobsPort, Protocol):
    """All of it."""
