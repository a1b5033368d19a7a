"""Nodes: what is below them, how they are defined, and the files of tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

import orjson

from opsgate.backends.ecflow import commands, printing, submitted, trees
from opsgate.backends.ecflow.core import Core, checked
from opsgate.backends.ecflow.editing import Editor, Order
from opsgate.backends.ecflow.files import Files
from opsgate.backends.ecflow.model import Node
from opsgate.backends.ecflow.port import BASIC, Document, Output, Script, TreeView, User
from opsgate.backends.ecflow.snapshot import Snapshot
from opsgate.backends.errors import Invalid, NotFound

_SLICE = 200
"""Nodes that are made ready before others get a turn: some milliseconds."""


class Nodes:
    """`NodesPort` of one server."""

    def __init__(self, core: Core, editor: Editor) -> None:
        self._core = core
        self._editor = editor
        self._files = Files(core)

    async def tree(self, path: str | None, view: TreeView = BASIC) -> Document:
        """Return the nodes below `path`, nested."""
        snapshot = await self._core.mirror.current()
        lineage = [] if path is None else snapshot.lineage(checked(path))
        if not view.gen_vars:
            view = replace(view, secrets=False)  # there are none in it: those who would see them get the same
        key = ("tree", path and checked(path), view)
        if view.content == "full" and not snapshot.has(key):
            await _in_turns(trees.prepare(snapshot.definition, lineage, view))
        return snapshot.document(key, lambda: trees.tree(snapshot.definition, lineage, view))

    async def definition(self, path: str) -> Document:
        """Return the definition of a node as text."""
        snapshot, lineage = await self._core.lineage(path)
        clean = checked(path)
        return snapshot.document(("definition", clean), lambda: _definition(snapshot, lineage, clean))

    async def put_child(
        self,
        path: str,
        definition: str,
        *,
        add_externs: bool = False,
        force: bool = False,
        user: User | None = None,
    ) -> str:
        """Make the one family or task in `definition` a child of `path`; return its path."""
        parent = await self._core.node(path)
        text = submitted.read(definition)
        if len(text.top) != 1:
            raise Invalid(f"the definition holds {len(text.top)} topmost nodes; one family or task is needed")
        ((kind, name),) = text.top
        if kind == "suite" or parent.kind not in ("suite", "family"):
            raise Invalid(f"{kind} {name} cannot be within {parent.kind} {path}")
        await self._editor.put(checked(path), text.text, Order(force=force, add_externs=add_externs, user=user))
        return f"{checked(path)}/{name}"

    async def delete(self, path: str, *, force: bool = False, user: User | None = None) -> None:
        """Delete a node."""
        async with self._core.lock.held():
            await self._core.node(path)
            await self._core.client.act(commands.delete(checked(path), force=force), user)

    async def script(self, path: str, *, secrets: bool = False) -> Script:
        """Return script and job of a task."""
        return await self._files.script(checked(path), secrets=secrets)

    async def write_script(self, path: str, script: str, *, user: User | None = None) -> None:
        """Write the script file of a task."""
        await self._files.write_script(checked(path), script, user=user)

    async def manual(self, path: str) -> str:
        """Return the manual of a node."""
        return await self._files.manual(checked(path))

    async def output(self, path: str, *, secrets: bool = False) -> Output:
        """Return the output of a task's job."""
        return await self._files.output(checked(path), secrets=secrets)


def _definition(snapshot: Snapshot, lineage: Sequence[Node], path: str) -> bytes:
    node = snapshot.node(path)
    if node.kind == "alias":
        raise NotFound(f"{path} is an alias: those have no definition")
    text = printing.definition(node, len(lineage) - 1)
    return orjson.dumps({"definition": text, "path": path})


async def _in_turns(steps: Iterator[None]) -> None:
    """Go through steps with turns for others: to make pieces of many nodes that were never shown takes a while."""
    for number, _ in enumerate(steps, start=1):
        if number % _SLICE == 0:
            await asyncio.sleep(0)
