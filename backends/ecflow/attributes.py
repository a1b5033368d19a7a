"""Attributes of nodes: as they are, as users change them, as jobs report them."""

from __future__ import annotations

from opsgate.backends.ecflow import adding, changing, commands, deleting, trees, values
from opsgate.backends.ecflow.client import OK
from opsgate.backends.ecflow.core import Core, checked
from opsgate.backends.ecflow.editing import Editor, Order
from opsgate.backends.ecflow.plans import Plan, Planner, Target
from opsgate.backends.ecflow.port import Attribute, Document, Job, QueueAction, User
from opsgate.backends.errors import EngineError, Invalid

_WITH_STEP = ("complete", "aborted")


class Attributes:
    """`AttributesPort` of one server."""

    def __init__(self, core: Core, editor: Editor) -> None:
        self._core = core
        self._editor = editor

    async def attributes(self, path: str, *, secrets: bool = False) -> Document:
        """Return all attributes of a node."""
        snapshot, lineage = await self._core.lineage(path)
        key = ("attributes", checked(path), secrets)
        return snapshot.document(key, lambda: trees.attributes(snapshot.definition, lineage, secrets=secrets))

    async def add_attribute(
        self, path: str, attribute: Attribute, *, force: bool = False, user: User | None = None
    ) -> None:
        """Give a node an attribute."""
        await self._do(adding.PLANNERS, checked(path), attribute, Order(force=force, user=user))

    async def change_attribute(
        self, path: str, attribute: Attribute, *, force: bool = False, user: User | None = None
    ) -> None:
        """Change an attribute of a node."""
        await self._do(changing.PLANNERS, checked(path), attribute, Order(force=force, user=user))

    async def delete_attribute(
        self, path: str, attribute: Attribute, *, force: bool = False, user: User | None = None
    ) -> None:
        """Delete an attribute of a node."""
        await self._do(deleting.PLANNERS, checked(path), attribute, Order(force=force, user=user))

    async def event(self, job: Job, name: str, value: bool) -> None:
        """Report an event set or cleared."""
        await self._core.client.report(commands.event(name, value=value), job)

    async def meter(self, job: Job, name: str, value: int) -> None:
        """Report a meter's value."""
        await self._core.client.report(commands.meter(name, values.integer(value, "value")), job)

    async def label(self, job: Job, name: str, value: str) -> None:
        """Report a label's text."""
        await self._core.client.report(commands.label(name, value), job)

    async def queue(self, job: Job, name: str, action: QueueAction, *, step: str = "", path: str = "") -> str:
        """Work on a queue and return the server's word."""
        if (action in _WITH_STEP) != bool(step):
            need = "needs" if action in _WITH_STEP else "takes no"
            raise Invalid(f"the queue action {action} {need} queue_step")
        reply = await self._core.client.report(commands.queue(name, action, step, path), job)
        return "" if reply.kind == OK else str(reply.data.get("str_", ""))

    async def _do(self, planners: dict[str, Planner], path: str, attribute: Attribute, order: Order) -> None:
        snapshot, lineage = await self._core.lineage(path)
        plan = planners[attribute.kind](Target(path, snapshot.definition, lineage), attribute)
        if plan.edit is not None:
            await self._editor.edit(path, plan.edit, order)
        elif len(plan.commands) == 1:
            async with self._core.lock.shared():
                await self._core.client.act(plan.commands[0], order.user)
        else:
            async with self._core.lock.held():
                await self._in_order(plan, order.user)

    async def _in_order(self, plan: Plan, user: User | None) -> None:
        first, *others = plan.commands
        await self._core.client.act(first, user)
        try:
            for command in others:
                await self._core.client.act(command, user)
        except EngineError:
            for command in plan.undo:
                await self._core.client.act(command, user)
            raise
