"""What a node refers to and is not there: judged before sending, because the server tells only afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opsgate.backends.ecflow.expressions import Place, read
from opsgate.backends.ecflow.model import AutoRestore, Definition, Expression, InLimit, Limit, Node


def dangling(definition: Definition, lineage: Sequence[Node]) -> Iterator[str]:
    """Yield what the last node of `lineage`, or one below it, refers to in vain, in words for an error."""
    node = lineage[-1]
    place = Place(definition, lineage)
    path = "".join(f"/{one.name}" for one in lineage)
    for one in node.attributes:
        if isinstance(one, Expression):
            parsed = read(one.text)
            missing = place.missing(parsed) if parsed else ()
            yield from (f"{one.kind} {one.text!r} of {path}: there is no {text}" for text in missing)
        elif isinstance(one, InLimit) and not _limit(place, lineage, one):
            yield f"inlimit {one.text!r} of {path}: there is no such limit"
        elif isinstance(one, AutoRestore):
            yield from (
                f"autorestore of {path}: there is no {below}" for below in one.paths if place.lineage(below) is None
            )
    for child in node.children:
        yield from dangling(definition, [*lineage, child])


def with_child(definition: Definition, above: Sequence[Node], child: Node) -> tuple[Definition, list[Node]]:
    """Return the definition as it would be with `child` below the nodes `above`, and the nodes down to it."""
    lineage = [child]
    for parent in reversed(above):
        lineage.insert(0, parent.with_children(_placed(parent, lineage[0])))
    suites = _placed(definition.root, lineage[0])
    return Definition(definition.server, definition.state, definition.modify, suites), lineage


def _placed(parent: Node, child: Node) -> tuple[Node, ...]:
    others = parent.children
    if parent.child(child.name) is None:
        return (*others, child)
    return tuple(child if other.name == child.name else other for other in others)


def _limit(place: Place, lineage: Sequence[Node], one: InLimit) -> bool:
    nodes: Sequence[Node] = lineage
    if one.path:
        found = place.lineage(one.path)
        nodes = found[-1:] if found else ()
    return any(limit.name == one.name for node in nodes for limit in node.of(Limit))
