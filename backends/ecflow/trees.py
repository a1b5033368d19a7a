"""Trees and attributes as JSON: what is told of one node alone is made once and kept with the node.

Families of tasks keep all that was last written of them. So a tree after one change costs the joining of its families,
writing the one that holds the change, and making the pieces of the nodes that changed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import orjson
from msgspec import Struct

from opsgate.backends.ecflow import generated, shapes
from opsgate.backends.ecflow.generated import Context
from opsgate.backends.ecflow.model import Definition, Node, Variable
from opsgate.backends.ecflow.port import JsonObject, TreeView


class _Piece(Struct, frozen=True, gc=False):
    """What a full tree tells of one node: up to its path, from there to its variables, and the rest."""

    opening: bytes
    state: bytes
    before: bytes
    after: bytes


def suites(definition: Definition) -> bytes:
    """Return the names of all suites."""
    return orjson.dumps([suite.name for suite in definition.suites])


def tree(definition: Definition, lineage: Sequence[Node], view: TreeView) -> bytes:
    """Return the tree of the last node in `lineage`, or of all suites when that is empty."""
    out: list[bytes] = []
    if view.content == "basic":
        _basic(out, *_shown(definition, lineage, view))
    else:
        nodes, depth = _shown(definition, lineage, view)
        _Full(out, view).write(nodes, *_above(definition, lineage), depth)
    return b"".join(out)


def prepare(definition: Definition, lineage: Sequence[Node], view: TreeView) -> Iterator[None]:
    """Make the pieces of a full tree, one in each step; there are none for nodes whose families are written already."""
    nodes, depth = _shown(definition, lineage, view)
    yield from _Full([], view).prepare(nodes, *_above(definition, lineage), depth)


def _shown(definition: Definition, lineage: Sequence[Node], view: TreeView) -> tuple[Sequence[Node], int | None]:
    """Return the topmost nodes of a tree, and how far it goes on below them."""
    if lineage:
        return lineage[-1:], view.depth
    return definition.suites, _less(view.depth)  # without a path the server itself is the first level


def _above(definition: Definition, lineage: Sequence[Node]) -> tuple[str, Context]:
    """Return the path of the node above the last one, and what holds there."""
    context = generated.context(definition.server)
    for node in lineage[:-1]:
        context = context.below(node)
    return "".join(f"/{node.name}" for node in lineage[:-1]), context


def attributes(definition: Definition, lineage: Sequence[Node], *, secrets: bool) -> bytes:
    """Return the attributes of the last node in `lineage`, with variables of its own and from above."""
    node = lineage[-1]
    path = "".join(f"/{one.name}" for one in lineage)
    shown = shapes.attributes(node, path)
    groups: list[JsonObject] = []
    context, here, own = generated.context(definition.server), "", []
    for one in lineage:
        context, here = context.below(one), f"{here}/{one.name}"
        own = _variables(one, here, context, secrets=secrets)
        if one is not node:
            groups.insert(0, shapes.inherited(one.name, here, own))
    server = [shapes.variable(one, const=True) for one in definition.server.variables]
    server += [shapes.variable(one) for one in definition.server.user_variables]
    groups.append(shapes.inherited("server", "/", server))
    return orjson.dumps({**shown, "variables": own, "inherited_variables": groups})


def server_attributes(definition: Definition) -> bytes:
    """Return the variables of the server, those of users first."""
    server = definition.server
    shown = [shapes.variable(one) for one in server.user_variables]
    shown += [shapes.variable(one, const=True) for one in server.variables]
    return orjson.dumps({"variables": shown})


def display(node: Node) -> str:
    """Return the state that viewers show: `suspended` covers the node's own."""
    return "suspended" if node.run.suspended else node.run.state


def _less(depth: int | None) -> int | None:
    """Return the depth one level further down."""
    return None if depth is None else depth - 1


def _variables(node: Node, path: str, context: Context, *, secrets: bool) -> list[JsonObject]:
    own = [shapes.variable(one) for one in node.of(Variable)]
    found = generated.variables(node, path, context)
    return own + [shapes.variable(one, generated=True) for one in (found if secrets else generated.masked(found))]


def _basic(out: list[bytes], nodes: Sequence[Node], depth: int | None) -> None:
    if depth is not None and depth < 0:
        nodes = ()
    separator = b"{"
    for node in nodes:
        out.append(separator)
        out.append(node.kept("key", _key))
        if node.children and node.kind != "task":
            _basic(out, node.children, _less(depth))
        else:
            out.append(b"{}")
        separator = b","
    out.append(b"}" if separator == b"," else b"{}")


class _Full:
    """Writes full trees."""

    def __init__(self, out: list[bytes], view: TreeView) -> None:
        self._out = out
        self._view = view

    def write(self, nodes: Sequence[Node], prefix: str, context: Context, depth: int | None) -> None:
        """Write nodes that lie below `prefix` as one object, `context` being what holds there."""
        if depth is not None and depth < 0:
            nodes = ()
        separator = b"{"
        for node in nodes:
            self._out.append(separator)
            self._member(node, f"{prefix}/{node.name}", context, depth)
            separator = b","
        self._out.append(b"}" if separator == b"," else b"{}")

    def prepare(self, nodes: Sequence[Node], prefix: str, context: Context, depth: int | None) -> Iterator[None]:
        """Make the pieces that `write` needs, one in each step."""
        for node in nodes if depth is None or depth >= 0 else ():
            path = f"{prefix}/{node.name}"
            if not node.is_written(self._key(path, context)):
                node.kept("piece", _piece)
                yield
                yield from self.prepare(node.children, path, self._below(node, context), _less(depth))

    def _member(self, node: Node, path: str, context: Context, depth: int | None) -> None:
        """Write a node with all below it, or take what was written of it before."""
        if depth is None and _is_lowest(node):
            self._out.append(node.written(self._key(path, context), lambda: self._whole(node, path, context)))
        else:
            self._node(node, path, self._below(node, context), depth)

    def _whole(self, node: Node, path: str, context: Context) -> bytes:
        out: list[bytes] = []
        _Full(out, self._view)._node(node, path, self._below(node, context), None)
        return b"".join(out)

    def _key(self, path: str, context: Context) -> Hashable:
        """Return what tells apart all that may be written of one node."""
        return path, self._view, context if self._view.gen_vars else None

    def _below(self, node: Node, context: Context) -> Context:
        return context.below(node) if self._view.gen_vars else context

    def _node(self, node: Node, path: str, context: Context, depth: int | None) -> None:
        piece = node.kept("piece", _piece)
        self._out.append(piece.opening)
        if self._view.with_id:
            self._out.append(b',"id":"%b"' % path.encode())
        self._out.append(piece.state)
        made = self._generated(node, path, context) if self._view.gen_vars else b""
        self._out.append(b",".join(part for part in (piece.before, made, piece.after) if part))
        self._out.append(_BELOW[node.kind])
        if node.kind != "alias":
            self.write(node.children, path, context, _less(depth))
            if node.children and depth == 0:
                self._out.append(b',"truncated":true')
        self._out.append(b"}")

    def _generated(self, node: Node, path: str, context: Context) -> bytes:
        """Return the generated variables as elements of a list.

        They depend on what is above the node, so they are not kept with it.
        """
        found = generated.variables(node, path, context)
        shown = found if self._view.secrets else generated.masked(found)
        return orjson.dumps(shapes.generated_in_tree(shown))[1:-1]


_BELOW = {"suite": b'],"children":', "family": b'],"children":', "task": b'],"aliases":', "alias": b"]"}


def _is_lowest(node: Node) -> bool:
    """Tell whether a node has children, and none of them has: so nothing is kept twice."""
    return bool(node.children) and not any(child.children for child in node.children)


def _key(node: Node) -> bytes:
    return orjson.dumps(node.name) + b":"


def _piece(node: Node) -> _Piece:
    before, after = shapes.in_tree(node)
    states = {"node": node.run.state, "default": node.details.default_state, "display": display(node)}
    return _Piece(
        _key(node) + b'{"type":"%b"' % node.kind.encode(),
        b',"state":%b,"attributes":[' % orjson.dumps(states),
        orjson.dumps(before)[1:-1],
        orjson.dumps(after)[1:-1],
    )
