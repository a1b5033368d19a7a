"""States of nodes: as they are, as users change them, as tasks report them."""

from __future__ import annotations

from typing import Final

from opsgate.backends.ecflow.port import Action, Job, NodeStatus, StatusPort, User
from opsgate.backends.errors import Timeout
from opsgate.handlers.ecflow.naming import Body, Caller, absolute, done, job, known, needed, true

LONGEST_WAIT: Final = 60
"""Seconds that a request may wait for an expression, whatever ECF_TIMEOUT says."""


async def get_status(status: StatusPort, /, path: str) -> NodeStatus:
    """Read the status of a node."""
    return await status.status(absolute(path))


async def update_status(
    status: StatusPort, /, path: str, body: Body, user: User | None = None, token_info: Caller = None
) -> Body:
    """Act on a node, or report a task's own state."""
    task = job(body)
    if task is not None:
        await _report(status, task, body)
        return done("Status changed successfully", absolute(path))
    known(token_info)
    action = Action(
        body["action"],
        recursive=true(body.get("recursive", False)),
        force=true(body.get("force", False)),
        defstatus=body.get("defstatus_value"),
    )
    state = await status.act(absolute(path), action, user=user)
    return {**done("Status changed successfully", absolute(path)), "status": state}


async def _report(status: StatusPort, task: Job, body: Body) -> None:
    match body["action"]:
        case "init":
            await status.init(task)
        case "complete":
            await status.complete(task)
        case "abort":
            await status.abort(task, body.get("abort_why", ""))
        case _:
            await _wait(status, task, body)


async def _wait(status: StatusPort, task: Job, body: Body) -> None:
    expression = needed(body.get("wait_expression"), "wait_expression")
    seconds = min(int(body.get("ECF_TIMEOUT", LONGEST_WAIT)), LONGEST_WAIT)
    if not await status.wait(task, expression, seconds=seconds):
        raise Timeout(f"{expression!r} still does not hold after {seconds} s: ask again", retry_after=1)
