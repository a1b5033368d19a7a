"""The Red Engine API: tasks that run by conditions, their runs, their log, their session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, Literal

from opsgate.backends.redengine.port import (
    Document,
    Filters,
    ImportMode,
    JsonObject,
    LogPage,
    Page,
    Piece,
    RedenginePort,
    Stream,
)

PAGING: Final = ("limit", "offset", "after_id", "order")
"""Names in the query of the log that are no fields of its records."""
CHUNK: Final = 2_000
"""How many log records are read at a time where all are asked for."""


async def list_tasks(redengine: RedenginePort, /, query: Filters) -> Document:
    """List the tasks."""
    return await redengine.tasks(query)


async def get_task(redengine: RedenginePort, /, name: str) -> Document:
    """Read a task."""
    return await redengine.task(name)


async def create_task(redengine: RedenginePort, /, name: str, body: JsonObject) -> Document:
    """Create a task."""
    return await redengine.create(name, body)


async def patch_task(redengine: RedenginePort, /, name: str, body: JsonObject) -> Document:
    """Change a task."""
    return await redengine.patch(name, body)


async def delete_task(redengine: RedenginePort, /, name: str) -> None:
    """Delete a task."""
    await redengine.delete(name)


get_task_alias = get_task
create_task_alias = create_task
patch_task_alias = patch_task
delete_task_alias = delete_task


async def pause_task(redengine: RedenginePort, /, name: str) -> Document:
    """Disable a task."""
    return await redengine.pause(name)


async def resume_task(redengine: RedenginePort, /, name: str) -> Document:
    """Enable a task."""
    return await redengine.resume(name)


async def run_task(redengine: RedenginePort, /, name: str) -> JsonObject:
    """Run a task now."""
    return await redengine.run_now(name)


async def stop_task(redengine: RedenginePort, /, name: str) -> JsonObject:
    """End what a task runs now."""
    return await redengine.stop(name)


async def preview_task(redengine: RedenginePort, /, name: str, count: int = 5) -> JsonObject:
    """Tell when a task runs next."""
    return await redengine.preview(name, count)


async def list_task_runs(redengine: RedenginePort, /, name: str, limit: int = 20) -> list[JsonObject]:
    """List the runs of a task."""
    return await redengine.runs(name, limit)


async def read_task_output(  # noqa: PLR0913 - the operation's parameters
    redengine: RedenginePort,
    /,
    name: str,
    *,
    stream: Stream = "stdout",
    offset: int = 0,
    limit: int = 65536,
    tail: int | None = None,
    wait: float = 0,
) -> JsonObject:
    """Read what a task wrote in its newest run."""
    return await redengine.task_output(name, Piece(stream, offset, limit, tail, wait))


async def get_run(redengine: RedenginePort, /, run_id: str) -> JsonObject:
    """Read a run."""
    return await redengine.run(run_id)


async def read_run_output(  # noqa: PLR0913 - the operation's parameters
    redengine: RedenginePort,
    /,
    run_id: str,
    *,
    stream: Stream = "stdout",
    offset: int = 0,
    limit: int = 65536,
    tail: int | None = None,
    wait: float = 0,
) -> JsonObject:
    """Read what a run wrote."""
    return await redengine.output(run_id, Piece(stream, offset, limit, tail, wait))


async def stop_run(redengine: RedenginePort, /, run_id: str) -> JsonObject:
    """End a run."""
    return await redengine.stop_run(run_id)


async def list_logs(  # noqa: PLR0913 - the operation's parameters
    redengine: RedenginePort,
    /,
    query: Filters,
    *,
    limit: int | None = None,
    offset: int = 0,
    after_id: int | None = None,
    order: Literal["asc", "desc"] = "asc",
) -> LogPage | AsyncIterator[bytes]:
    """List the log records of tasks."""
    filters = [(name, value) for name, value in query if name not in PAGING]
    page = Page(order == "desc", limit or CHUNK, offset, after_id)
    first = await redengine.logs(filters, page)
    return first if limit or first.after_id is None else _all_logs(redengine, filters, page, first)


async def list_dependencies(redengine: RedenginePort, /, query: Filters) -> Document:
    """List which task runs after which."""
    return await redengine.dependencies(query)


async def get_parameters(redengine: RedenginePort, /) -> Document:
    """Read the session parameters."""
    return await redengine.parameters()


async def patch_parameters(redengine: RedenginePort, /, body: JsonObject) -> Document:
    """Change session parameters."""
    return await redengine.patch_parameters(body)


async def get_returns(redengine: RedenginePort, /) -> Document:
    """Read the return values of tasks."""
    return await redengine.returns()


async def patch_returns(redengine: RedenginePort, /, body: JsonObject) -> Document:
    """Change return values."""
    return await redengine.patch_returns(body)


async def get_config(redengine: RedenginePort, /) -> Document:
    """Read the configuration of the session."""
    return await redengine.config()


async def patch_config(redengine: RedenginePort, /, body: JsonObject) -> Document:
    """Change the configuration of the session."""
    return await redengine.patch_config(body)


get_configs = get_config
patch_configs = patch_config


async def get_session(redengine: RedenginePort, /) -> Document:
    """Read the session."""
    return await redengine.session()


async def check_condition(
    redengine: RedenginePort, /, text: str, task_name: str | None = None, count: int = 5
) -> JsonObject:
    """Check a condition."""
    return await redengine.check_condition(text, task_name, count)


async def export_session(redengine: RedenginePort, /) -> Document:
    """Export all tasks."""
    return await redengine.export_session()


async def import_session(redengine: RedenginePort, /, body: JsonObject, mode: ImportMode = "merge") -> JsonObject:
    """Import tasks."""
    return await redengine.import_session(body, mode)


async def get_scheduler(redengine: RedenginePort, /) -> JsonObject:
    """Tell whether the scheduler lives."""
    return await redengine.scheduler()


async def _all_logs(redengine: RedenginePort, filters: Filters, page: Page, first: LogPage) -> AsyncIterator[bytes]:
    """One array of all pages, read one after the other."""
    yield first.body[:-1]
    after_id = first.after_id
    while after_id is not None:
        following = await redengine.logs(filters, Page(page.newest_first, page.limit, after_id=after_id))
        inner = following.body[1:-1]
        yield b"," + inner if inner else b""
        after_id = following.after_id
    yield b"]"
