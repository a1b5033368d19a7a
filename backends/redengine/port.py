"""What the handlers of the Red Engine API need, as protocols, one per subject.

Most answers are JSON already (`Document`): a list of a thousand tasks is not written anew for each reader. What comes
in is JSON as the document has it, and is checked in full here, also where the spec has checked it before: nothing is
written unless all of it is right. Times are naive local ones, `YYYY-MM-DD HH:MM:SS.ffffff`.

Reading and writing need no scheduler: what is accepted while it is away is done once it is back. Every method may
raise, besides what it names, `Unavailable` when the store cannot be read or written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from opsgate.backends.jobs.output import Stream
from opsgate.backends.jobs.pieces import BEGINNING, Piece

__all__ = [
    "ControlPort",
    "Document",
    "Filters",
    "ImportMode",
    "JsonObject",
    "LogPage",
    "LogsPort",
    "Page",
    "Piece",
    "RedenginePort",
    "SessionPort",
    "Stream",
    "TasksPort",
]

JsonObject = dict[str, Any]

Filters = Sequence[tuple[str, str]]
"""A query string, decoded and in order: `(("action", "fail"), ("timestamp$min", "2021-01-01"))`; `query.pairs` makes
it. Wrong ones (field, operator, value) raise `Invalid` with the key in its message."""

ImportMode = Literal["merge", "replace"]


@dataclass(frozen=True, slots=True)
class Document:
    """An answer that is JSON already.

    Attributes:
        body: The JSON, UTF-8.
        change: The same for the same content, as long as the state directory is: good for an ETag.
    """

    body: bytes = field(repr=False)
    change: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Log records, a JSON array.

    Attributes:
        body: The array, UTF-8.
        after_id: Asking for what comes behind this `id`, in the same order, gives the next page; None for the last one.
    """

    body: bytes = field(repr=False)
    after_id: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Which of the selected log records to read.

    Attributes:
        newest_first: Whether to turn the order round.
        limit: How many at most; None for all.
        offset: How many to leave out first.
        after_id: Leave out those up to this one, seen in the order asked for: pages at any depth cost the same.
    """

    newest_first: bool = False
    limit: int | None = None
    offset: int = 0
    after_id: int | None = None


class TasksPort(Protocol):
    """Tasks. A task is a JSON object with the members of the schema `Task`."""

    async def tasks(self, filters: Filters = ()) -> Document:
        """Return the tasks that a query is for, an array in the order of their creation; `Invalid`."""

    async def task(self, name: str) -> Document:
        """Return a task; `NotFound`."""

    async def create(self, name: str, members: JsonObject) -> Document:
        """Create a task and return it; a `name` among the members is not looked at.

        With `on_exists` (or the config's `task_pre_exist`) a taken name is left alone ("ignore": the task that is
        there is returned) or gets the new task ("replace"); else it is a `Conflict`. `Invalid` names the member and
        its value. `Denied` for classes, modules and shells that are not allowed.
        """

    async def patch(self, name: str, members: JsonObject) -> Document:
        """Change some members of a task, all or none, and return it.

        `NotFound`, `Invalid`, `Denied`, and `Conflict` for a `name` that is taken. `force_run` true asks for one run,
        `force_termination` true ends the present one.
        """

    async def delete(self, name: str) -> None:
        """Remove a task, ending its run if there is one; its log stays. `NotFound`."""

    async def pause(self, name: str) -> Document:
        """Disable a task and return it; a run goes on. `NotFound`."""

    async def resume(self, name: str) -> Document:
        """Enable a task and return it; `NotFound`."""


class SessionPort(Protocol):
    """What belongs to no single task. All return the whole object after a change, and take changes wholly or not."""

    async def session(self) -> Document:
        """Return `{"config", "parameters", "returns", "tasks"}`; the tasks by name."""

    async def parameters(self) -> Document:
        """Return the session's parameters."""

    async def patch_parameters(self, members: JsonObject) -> Document:
        """Set some of them; `Invalid`."""

    async def config(self) -> Document:
        """Return the configuration."""

    async def patch_config(self, members: JsonObject) -> Document:
        """Set some of it; `Invalid` for unknown keys, read-only ones and wrong values."""

    async def returns(self) -> Document:
        """Return what tasks returned last, by name."""

    async def patch_returns(self, members: JsonObject) -> Document:
        """Set some of that; `Invalid`."""

    async def dependencies(self, filters: Filters = ()) -> Document:
        """Return which tasks start after which, an array of `{"parent", "child", "relation", "type"}`; `Invalid`."""

    async def export_session(self) -> Document:
        """Return `{"format": 1, "config", "parameters", "tasks"}`, the tasks as they are created."""

    async def import_session(self, document: JsonObject, mode: ImportMode = "merge") -> JsonObject:
        """Take what `export_session` returned, all or nothing.

        Tasks with names that are there are replaced in either mode; "replace" also removes those that are not in the
        document, and its parameters take the place of all that are there.

        Returns:
            `{"created": [name, ...], "replaced": [...], "deleted": [...]}`. `Invalid` names the task; `Denied`.
        """


class LogsPort(Protocol):
    """The log of runs, and what runs left behind.

    A *run* is `{"run_id", "task_name", "state", "action", "reason", "requested", "start", "end", "runtime",
    "exit_code", "signal", "cause", "exc_text", "return_value"}`: `state` is "waiting" (asked for, not handed over),
    "queued" (waits for others to end), "running" or "ended"; `action` how it ended ("success", "fail", "terminate",
    "inaction"), else null; `reason` why it was started ("schedule", "force_run", "startup", "shutdown"); the rest null
    where it does not apply.
    """

    async def logs(self, filters: Filters = (), page: Page = Page()) -> LogPage:
        """Return the log records a query is for, oldest first unless the page says otherwise; `Invalid`."""

    async def runs(self, name: str, limit: int = 20) -> list[JsonObject]:
        """Return the runs of a task whose output is still there, newest first; `NotFound`."""

    async def run(self, run_id: str) -> JsonObject:
        """Return a run, that of a deleted task too; `NotFound`."""

    async def output(self, run_id: str, piece: Piece = BEGINNING) -> JsonObject:
        """Return `{"run_id", "stream", "text", "offset", "next_offset", "size", "complete"}`; `NotFound`."""

    async def task_output(self, name: str, piece: Piece = BEGINNING) -> JsonObject:
        """Return the same of a task's newest run that has begun; `NotFound` for the task, or where none has."""


class ControlPort(Protocol):
    """Starting and stopping by hand, and what the scheduler is about to do."""

    async def run_now(self, name: str) -> JsonObject:
        """Ask for one run, disabled or not, and return it (see `LogsPort`); it waits for a present run to end.

        The same as `force_run`: asked twice before it begins, there is one run, and both are told its id. `NotFound`.
        """

    async def stop(self, name: str) -> JsonObject:
        """End the present run of a task, without waiting for that, and return it.

        `NotFound`, `Conflict` where there is none.
        """

    async def stop_run(self, run_id: str) -> JsonObject:
        """End, or call off, this run, without waiting for that, and return it; `NotFound`, `Conflict` if it is over."""

    async def preview(self, name: str, count: int = 5) -> JsonObject:
        """Return when a task will be due if nothing but time passes and every run succeeds at once.

        Returns:
            `{"task_name", "disabled", "next": [time, ...], "after": [task name, ...]}`: `after` are the tasks whose
            ends may start it besides. `NotFound`.
        """

    async def check_condition(self, text: object, name: str | None = None, count: int = 5) -> JsonObject:
        """Tell whether a text is a condition, and when it would start a task.

        Args:
            text: The text.
            name: The task it would belong to; a new one if not given.
            count: How many times to tell.

        Returns:
            `{"condition", "valid", "problem", "forms", "next", "after"}`: `problem` is null and `forms` empty where it
            is valid; else `forms` are examples of what is. `NotFound` for the task.
        """

    async def scheduler(self) -> JsonObject:
        """Tell about the scheduler.

        Returns:
            `{"alive", "pid", "since", "beat_age", "next_due", "running", "waiting", "tasks"}`: `alive` is false if
            there is none, or if it has not shown itself for half a minute; `beat_age` are the seconds since it did.
        """


class RedenginePort(TasksPort, SessionPort, LogsPort, ControlPort, Protocol):
    """All of it."""
