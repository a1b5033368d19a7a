"""Gets the server's definition: all of it at first, then what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import structs

from opsgate.backends.ecflow import commands, deltas, parsing, reading, stats
from opsgate.backends.ecflow.client import Client
from opsgate.backends.ecflow.commands import Control, Sync
from opsgate.backends.ecflow.model import Attribute, Definition, Label, Node, Server, Variable
from opsgate.backends.ecflow.wire import Reply
from opsgate.backends.errors import Broken, NotFound, Unsupported

_FEW = 8
"""So many nodes are read one by one; with more of them the whole definition costs less."""

_AMBIGUOUS = "\\n"
"""In the server's text, a newline or a backslash and an n."""


class Syncing:
    """The way from one state of the definition to the next.

    Args:
        client: To the server.
        exact_values: How many values are asked for one by one because the text is ambiguous.
    """

    def __init__(self, client: Client, exact_values: int) -> None:
        self._client = client
        self._exact_values = exact_values
        self._together = True

    async def first(self) -> tuple[str, Definition]:
        """Return when the server was started, and its definition."""
        return await self._full(None)

    async def next(self, start: str, old: Definition) -> tuple[str, Definition]:
        """Return when the server was started, and its definition, `old` itself when nothing changed.

        A server that was started anew counts from zero again, so its numbers may look like those of its predecessor:
        only the time of its start tells. It is told in seconds, so two starts within one second look like one.
        """
        started, reply = await self._sync(commands.sync(Sync.SYNC, old.state, old.modify))
        if started != start:
            return await self._full(None)
        if reply.data.get("value1"):
            return started, await self._from_text(reply.data, old)
        try:
            changed = await self._changed(old, deltas.read(reply.data.get("incremental_changes_", {})))
        except deltas.UnknownError:
            return await self._full(old)
        return started, changed

    async def _changed(self, old: Definition, changes: deltas.Changes) -> Definition:
        if changes.state == old.state and changes.modify == old.modify and not changes.nodes:
            return old
        new, stale = deltas.apply(old, changes)
        if not stale:
            return new
        if len(stale) > _FEW:
            raise deltas.UnknownError("many nodes changed")
        return await self._resolved(await self._reread(new, stale, changes), old)

    async def _reread(self, definition: Definition, paths: list[str], changes: deltas.Changes) -> Definition:
        """Replace the nodes at these paths by what the server says of them now."""
        found = {path: await self._node(path, definition) for path in paths}
        return _with_nodes(definition, {path: deltas.exact(node, changes.nodes[path]) for path, node in found.items()})

    async def _node(self, path: str, definition: Definition) -> Node:
        try:
            text = await self._client.text(commands.node(path), "the_node_str_")
        except NotFound as error:
            raise deltas.UnknownError(path) from error
        return parsing.node(text, definition.find(path))

    async def _full(self, old: Definition | None) -> tuple[str, Definition]:
        started, reply = await self._sync(commands.sync(Sync.FULL))
        return started, await self._from_text(reply.data, old)

    async def _from_text(self, data: Mapping[str, Any], old: Definition | None) -> Definition:
        text = data.get("value1")
        if not isinstance(text, str):
            raise Broken("ecflow_server sent no definition")
        definition = parsing.definition(text, old)
        definition.server = await self._resolved_server(definition)
        return await self._resolved(definition, old)

    async def _resolved_server(self, definition: Definition) -> Server:
        """Ask for the server's variables that the text leaves open, by way of a suite that inherits them."""
        server = definition.server
        told = [await self._inherited(definition, variable) for variable in server.user_variables]
        return structs.replace(server, user_variables=tuple(told))

    async def _inherited(self, definition: Definition, variable: Variable) -> Variable:
        if _AMBIGUOUS not in variable.value:
            return variable
        for suite in definition.suites:
            if all(own.name != variable.name for own in suite.of(Variable)):
                told = await self._exact(f"/{suite.name}", variable)
                return Variable(told.name, told.value)
        return variable

    async def _resolved(self, definition: Definition, old: Definition | None) -> Definition:
        """Ask for the values that the text leaves open, of nodes that were not known before."""
        asked = [
            (path, attribute)
            for path, node in _unknown(definition.root, old.root if old else None, "")
            if isinstance(node.source, reading.Text) and _AMBIGUOUS in node.source.body
            for attribute in node.attributes
            if isinstance(attribute, (Variable, Label)) and _ambiguous(attribute)
        ][: self._exact_values]
        values = await asyncio.gather(*(self._exact(path, attribute) for path, attribute in asked))
        told: dict[str, dict[tuple[str, str], Attribute]] = {}
        for (path, attribute), value in zip(asked, values, strict=True):
            kind = "edit" if isinstance(attribute, Variable) else "label"
            told.setdefault(path, {})[kind, attribute.name] = value
        return _with_nodes(definition, {path: _told(definition, path, those) for path, those in told.items()})

    async def _exact(self, path: str, attribute: Variable | Label) -> Variable | Label:
        """Return the attribute with its value as the server knows it, or as it was read when it is gone already."""
        kind = "variable" if isinstance(attribute, Variable) else "label"
        try:
            value = await self._client.text(commands.query(kind, path, attribute.name), "str_")
        except NotFound:
            return attribute
        if isinstance(attribute, Variable):
            return Variable(attribute.name, value)
        # The server tells what is shown: the new text, else the one by definition.
        if attribute.new:
            return Label(attribute.name, attribute.default, value)
        return Label(attribute.name, value)

    async def _sync(self, command: commands.Command) -> tuple[str, Reply]:
        if self._together:
            try:
                statistics, reply = await self._client.ask_together(commands.control(Control.STATS), command)
                return stats.start(statistics.data), reply
            except Unsupported:
                self._together = False
        # The sync first: the start that is told after it was that of the server which answered it.
        reply = await self._client.ask(command)
        statistics = await self._client.ask(commands.control(Control.STATS))
        return stats.start(statistics.data), reply


def _ambiguous(attribute: Variable | Label) -> bool:
    return (_AMBIGUOUS if isinstance(attribute, Variable) else "\n") in attribute.value


def _unknown(new: Node, old: Node | None, path: str) -> Iterator[tuple[str, Node]]:
    """Yield the nodes below `new` that are not those below `old`, each with its path."""
    for child in new.children:
        before = old.child(child.name) if old is not None else None
        if child is before:
            continue
        here = f"{path}/{child.name}"
        if before is None or child.source is not before.source:
            yield here, child
        yield from _unknown(child, before, here)


def _told(definition: Definition, path: str, told: Mapping[tuple[str, str], Attribute]) -> Node:
    node = definition.find(path)
    if node is None:
        raise Broken(f"{path} is not where it was read")
    return node.told(told)


def _with_nodes(definition: Definition, nodes: Mapping[str, Node]) -> Definition:
    suites = _replaced(definition.root, {tuple(path.strip("/").split("/")): node for path, node in nodes.items()})
    return Definition(definition.server, definition.state, definition.modify, suites)


def _replaced(parent: Node, nodes: Mapping[tuple[str, ...], Node]) -> tuple[Node, ...]:
    """Return the children of `parent` with the nodes found by their path from there in their places."""
    if not nodes:
        return parent.children
    here = {path[0]: node for path, node in nodes.items() if len(path) == 1}
    below: dict[str, dict[tuple[str, ...], Node]] = {}
    for path, node in nodes.items():
        if len(path) > 1:
            below.setdefault(path[0], {})[path[1:]] = node
    children = []
    for child in parent.children:
        changed = here.get(child.name, child)
        if child.name in below:
            changed = changed.with_children(_replaced(child, below[child.name]))
        children.append(changed)
    return tuple(children)
