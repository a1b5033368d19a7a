"""Changes that the server has no command for: the node's definition is rewritten and replaces the node.

A replaced node begins anew: it is queued, and runs at once if nothing holds it. So it comes back suspended, is given
what it had - values, then states - and is let go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import structs

from opsgate.backends.ecflow import commands, faults, parsing, printing
from opsgate.backends.ecflow.carrying import carried, refuse_unfaithful
from opsgate.backends.ecflow.core import Core
from opsgate.backends.ecflow.model import Attribute, Definition, Limit, Node
from opsgate.backends.ecflow.port import User
from opsgate.backends.ecflow.references import dangling, with_child
from opsgate.backends.ecflow.restoring import restoring
from opsgate.backends.ecflow.submitted import HEADER
from opsgate.backends.errors import Conflict, EngineError, Invalid

Attributes = tuple[Attribute, ...]

_RUNNING = ("submitted", "active")


@dataclass(frozen=True)
class Order:
    """How a node is replaced.

    Attributes:
        force: Also while it runs, or holds places in a limit for others.
        add_externs: Also when it refers to what does not exist.
        user: Who does it.
    """

    force: bool = False
    add_externs: bool = False
    user: User | None = None


class Editor:
    """Rewrites nodes of one server."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def edit(self, path: str, change: Callable[[Attributes], Attributes], order: Order) -> None:
        """Give a node other attributes: what `change` returns for those it has.

        Raises:
            NotFound: No such node.
            Conflict: It runs, or cannot be restored.
            Invalid: The server refuses the result.
        """
        async with self._core.lock.held():
            snapshot, lineage = await self._core.lineage(path)
            old = lineage[-1]
            new = old.with_details(structs.replace(old.details, attributes=change(old.attributes)))
            if new.attributes == old.attributes:
                return
            _refuse_running(old, path, order)
            refuse_unfaithful(old, path)
            _refuse_dangling(snapshot.definition, lineage, new)
            await self._rewrite(lineage, new, order)

    async def put(self, path: str, inner: str, order: Order) -> None:
        """Make the node in the definition `inner` a child of `path`, in place of one of its name.

        Args:
            path: The parent.
            inner: One node; its text was submitted and checked.
            order: How.

        Raises:
            NotFound: No such parent.
            Conflict: What it replaces runs.
            Invalid: The server refuses the node, or it refers to what does not exist.
        """
        async with self._core.lock.held():
            snapshot, above = await self._core.lineage(path)
            child = parsing.node(inner)
            text = printing.framed(above, inner)
            where = f"{path}/{child.name}"
            if order.add_externs or not list(dangling(*with_child(snapshot.definition, above, child))):
                await self._send(where, text, order)
            else:  # the server shall say it, in its words
                await self._core.client.act(commands.replace(where, text, force=order.force), order.user)

    async def _rewrite(self, lineage: Sequence[Node], new: Node, order: Order) -> None:
        path = "".join(f"/{node.name}" for node in lineage)
        try:
            await self._send(path, _held(lineage, new), order)
        except EngineError:
            await self._undo(path, lineage, order)
            raise
        await self._restore(path, lineage, new, order)

    async def _undo(self, path: str, lineage: Sequence[Node], order: Order) -> None:
        """Bring back what the server has replaced although it refused."""
        old = lineage[-1]
        present = await self._core.node(path)
        if present.attributes != old.attributes or present.details.default_state != old.details.default_state:
            await self._tried(path, HEADER + _held(lineage, old), order)
            await self._restore(path, lineage, old, order)

    async def _restore(self, path: str, lineage: Sequence[Node], wanted: Node, order: Order) -> None:
        for command in restoring(lineage, wanted, await self._core.node(path)):
            await self._core.client.act(command, order.user)

    async def _send(self, path: str, text: str, order: Order) -> None:
        """Replace a node, first with a text in which all references must be found.

        Within the text they mostly are not, for it holds this node alone. But then the server has read all of it, and
        it can be sent again in the form that is not judged by itself. What is missing even so, the server tells after
        it has replaced the node: by then it was judged here, or is wanted.
        """
        if await self._tried(path, text, order):
            await self._tried(path, HEADER + text, order)

    async def _tried(self, path: str, text: str, order: Order) -> EngineError | None:
        """Replace a node; return the refusal when it tells of something missing, raise any other."""
        try:
            await self._core.client.act(commands.replace(path, text, force=order.force), order.user)
        except Invalid as error:
            if not faults.unresolved(error):
                raise
            return error
        return None


def _held(lineage: Sequence[Node], node: Node) -> str:
    """Return the text that puts `node` in the place of the last one of `lineage`, suspended."""
    suspended = carried(node.with_details(structs.replace(node.details, default_state="suspended")))
    return printing.framed(list(lineage[:-1]), printing.definition(suspended, len(lineage) - 1))


def _refuse_running(node: Node, path: str, order: Order) -> None:
    if order.force:
        return
    why = f"this server can only do it by replacing {path}, and"
    for where, below in node.walk(path):
        if below.kind in ("task", "alias") and below.run.state in _RUNNING:
            raise Conflict(f"{why} {where} is {below.run.state}; with force it is done all the same")
        for limit in below.of(Limit):
            outside = [one for one in limit.paths if not f"{one}/".startswith(f"{path}/")]
            if outside:
                raise Conflict(
                    f"{why} {outside[0]} holds a place in its limit {limit.name}; force does it all the same"
                )


def _refuse_dangling(definition: Definition, lineage: Sequence[Node], new: Node) -> None:
    """Raise `Invalid` when the node would refer to more that does not exist than it does already."""
    before = set(dangling(definition, lineage))
    after = dangling(*with_child(definition, lineage[:-1], new))
    fresh = next((text for text in after if text not in before), None)
    if fresh:
        raise Invalid(fresh)
