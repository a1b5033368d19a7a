"""Definitions on their way through the server's parser, which reads some values differently than it writes them."""

from __future__ import annotations

from msgspec import structs

from opsgate.backends.ecflow.model import Attribute, Label, Node, Repeat, Variable
from opsgate.backends.ecflow.values import safe_in_definition
from opsgate.backends.errors import Conflict

_PLACEHOLDER = "0"
_UNSAFE_IN_LABELS = "\"'#;\t\n\\"


def carried(node: Node) -> Node:
    """Return a node whose text the server reads as it is written; what it cannot read so is `0`, to be set later."""
    attributes = tuple(map(_carried, node.attributes))
    children = tuple(map(carried, node.children))
    return node.with_details(structs.replace(node.details, attributes=attributes)).with_children(children)


def refuse_unfaithful(node: Node, path: str) -> None:
    """Raise `Conflict` for values below `path` that neither a text nor a command could give back."""
    for where, below in node.walk(path):
        if below.kind == "alias":
            raise Conflict(f"this server can only do it by replacing {path}, and the alias {where} would be lost")
        for repeat in below.of(Repeat):
            if repeat.listed and not all(map(safe_in_definition, repeat.values)):
                raise Conflict(
                    f"{where} would lose its repeat {repeat.name}: the server cannot be told its values again"
                )


def _carried(one: Attribute) -> Attribute:
    if isinstance(one, Variable) and not safe_in_definition(one.value):
        return Variable(one.name, _PLACEHOLDER)
    if isinstance(one, Label) and any(mark in one.default for mark in _UNSAFE_IN_LABELS):
        return Label(one.name, _PLACEHOLDER)
    return one
