"""States of nodes: as they are, as users change them, as jobs report them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from opsgate.backends.ecflow import commands, faults, grammar, trees
from opsgate.backends.ecflow.client import OK
from opsgate.backends.ecflow.commands import Alter, Command, Paths, Requeue
from opsgate.backends.ecflow.core import Core, checked
from opsgate.backends.ecflow.hazards import refuse_completing, refuse_freeing
from opsgate.backends.ecflow.model import Node
from opsgate.backends.ecflow.port import Action, Job, NodeStatus, User
from opsgate.backends.ecflow.snapshot import Snapshot
from opsgate.backends.ecflow.why import why
from opsgate.backends.errors import Broken, Conflict, Invalid

_FORCED = {
    "abort": "aborted",
    "complete": "complete",
    "submit": "submitted",
    "rerun": "queued",
    "active": "active",
    "unknown": "unknown",
    "aborted": "aborted",
    "queued": "queued",
    "submitted": "submitted",
}
"""Actions that set a state -> the state."""

_ON_PATHS = {
    "suspend": Paths.SUSPEND,
    "resume": Paths.RESUME,
    "kill": Paths.KILL,
    "status": Paths.STATUS,
    "archive": Paths.ARCHIVE,
    "restore": Paths.RESTORE,
}


class Status:
    """`StatusPort` of one server."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def status(self, path: str) -> NodeStatus:
        """Return state, default state, and what holds the node, as they are now."""
        snapshot = await self._core.mirror.current(fresh=True)
        clean = checked(path)
        return snapshot.status(clean, lambda: _status(snapshot, clean))

    async def act(self, path: str, action: Action, *, user: User | None = None) -> str:
        """Do something to a node and return its status thereafter."""
        clean = checked(path)
        _, lineage = await self._core.lineage(clean)
        command = _command(clean, action)
        if _FORCED.get(action.name) == "complete":
            refuse_completing(lineage[0])
        if action.name == "free_dependencies":
            refuse_freeing(lineage)
        if action.name == "requeue" and not action.force:
            _refuse_running(lineage[-1], clean)
        async with self._core.lock.shared():
            await self._core.client.act(command, user)
        return trees.display(await self._core.node(clean))

    async def init(self, job: Job) -> None:
        """Report that the job runs."""
        await self._report(commands.init(), job)

    async def complete(self, job: Job) -> None:
        """Report that the job ended well."""
        await self._report(commands.complete(), job)

    async def abort(self, job: Job, reason: str = "") -> None:
        """Report that the job failed."""
        await self._report(commands.abort(reason), job)

    async def wait(self, job: Job, expression: str, *, seconds: float) -> bool:
        """Return True as soon as the expression holds, False when it still does not after `seconds`."""
        try:
            grammar.parse(expression)
        except grammar.ParseError as error:
            raise Invalid(f"the wait expression {expression!r} {error}") from error
        until = time.monotonic() + seconds
        while not await self._holds(expression, job):
            left = until - time.monotonic()
            if left <= 0:
                return False
            await asyncio.sleep(min(self._core.limits.wait_step, left))
        return True

    async def _holds(self, expression: str, job: Job) -> bool:
        reply = await self._core.client.report(commands.wait(expression), job)
        if reply.kind != OK:
            raise Broken(f"ecflow_server answered wait with {reply.kind}")
        return bool(reply.data.get("api_", 0) != faults.HOLDS_NOT)

    async def _report(self, command: Command, job: Job) -> None:
        await self._core.client.report(command, job)


def _status(snapshot: Snapshot, path: str) -> NodeStatus:
    lineage = snapshot.lineage(path)
    node = lineage[-1]
    return NodeStatus(
        path=path,
        status=trees.display(node),
        default_status=node.details.default_state,
        why=why(snapshot.definition, lineage),
        change=snapshot.change,
    )


def _command(path: str, action: Action) -> Command:
    if action.name in _FORCED:
        return commands.force(path, _FORCED[action.name], recursive=action.recursive)
    if action.name in _ON_PATHS:
        return commands.paths(_ON_PATHS[action.name], path, force=action.force)
    if action.name not in _OTHERS:
        raise Invalid(f"{action.name!r} is no action")
    return _OTHERS[action.name](path, action)


def _refuse_running(node: Node, path: str) -> None:
    """Raise `Conflict` when a task runs: the server would say yes and requeue nothing."""
    for where, below in node.walk(path):
        if not below.children and below.run.state in ("active", "submitted"):
            raise Conflict(f"{where} is {below.run.state}: requeue it with force")


def _begin(path: str, action: Action) -> Command:
    return commands.begin(path.split("/")[1], force=action.force)


def _requeue(path: str, action: Action) -> Command:
    return commands.requeue(path, Requeue.FORCE if action.force else Requeue.PLAIN)


def _default_state(path: str, action: Action) -> Command:
    if action.defstatus is None:
        raise Invalid("defstatus needs a defstatus_value")
    return commands.change(path, Alter.DEFSTATUS, action.defstatus)


_OTHERS: dict[str, Callable[[str, Action], Command]] = {
    "begin": _begin,
    "requeue": _requeue,
    "execute": lambda path, _: commands.run(path),
    "free_dependencies": lambda path, _: commands.free_dependencies(path),
    "defstatus": _default_state,
}
