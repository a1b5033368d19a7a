"""What holds a node, worked out from the copy of the definition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from opsgate.backends.ecflow.expressions import Place, read
from opsgate.backends.ecflow.model import Definition, Expression, InLimit, Limit, Node, Timed
from opsgate.backends.ecflow.port import Why

_WAITING = ("queued", "aborted")
_GROUPS = (("day", "date"), ("time", "today", "cron"))
"""Kinds of which one that is free is enough; each group must have one."""
_LINES = 500
"""Lines that are told of the nodes below; whoever needs more asks further down."""


def why(definition: Definition, lineage: Sequence[Node]) -> Why:
    """Return what holds the last node in `lineage`: from the server down to it, and from it down."""
    above = [line for end in range(1, len(lineage) + 1) for line in _of_node(definition, lineage[:end])]
    below = list(islice(_down(definition, list(lineage)), _LINES))
    return Why([*_of_server(definition), *above], below)


def _of_server(definition: Definition) -> Iterator[str]:
    server = definition.server
    if server.state != "RUNNING":
        yield f"The server is {server.state}"
    if server.node_state not in _WAITING:
        yield f"The definition state({server.node_state}) is not queued or aborted."


def _down(definition: Definition, lineage: list[Node]) -> Iterator[str]:
    """Yield what holds a node, then what holds those below it that wait."""
    node = lineage[-1]
    yield from _of_node(definition, lineage)
    if node.run.suspended or node.run.state in ("complete", "unknown"):
        return  # nothing below it waits for anything else
    for child in node.children:
        if child.run.suspended or child.run.state not in ("complete", "unknown"):
            yield from _waiting(definition, [*lineage, child])


def _waiting(definition: Definition, lineage: list[Node]) -> Iterator[str]:
    node = lineage[-1]
    if node.run.suspended or node.run.state in _WAITING:
        yield from _down(definition, lineage)
        return
    for child in node.children:  # it is active: what is below it may wait all the same
        yield from _waiting(definition, [*lineage, child])


def _of_node(definition: Definition, lineage: Sequence[Node]) -> Iterator[str]:
    node, path = lineage[-1], "".join(f"/{one.name}" for one in lineage)
    kind = node.kind.upper()
    if node.run.suspended:
        yield f"{kind}:{path} is suspended"
        return
    if node.run.state not in _WAITING:
        yield f"{kind}:{path} ({node.run.state}) is not queued or aborted"
        return
    yield from _full_limits(definition, lineage)
    for held in _held(definition, lineage):
        yield f"{kind} {path}({node.run.state}) {held}"


def _full_limits(definition: Definition, lineage: Sequence[Node]) -> Iterator[str]:
    for inlimit in lineage[-1].of(InLimit):
        limit = _limit(definition, lineage, inlimit)
        if limit is not None and limit.value + inlimit.tokens > limit.max:
            yield f"limit {limit.name} is full ({limit.value} of {limit.max} in use)"


def _limit(definition: Definition, lineage: Sequence[Node], inlimit: InLimit) -> Limit | None:
    nodes: Sequence[Node] = lineage[::-1]
    if inlimit.path:
        found = Place(definition, lineage).lineage(inlimit.path)
        nodes = found[-1:] if found else ()
    return next((limit for node in nodes for limit in node.of(Limit) if limit.name == inlimit.name), None)


def _held(definition: Definition, lineage: Sequence[Node]) -> Iterator[str]:
    node, place = lineage[-1], Place(definition, lineage)
    timed = node.of(Timed)
    for kinds in _GROUPS:
        group = [one for one in timed if one.kind in kinds]
        if not any(one.free for one in group):
            yield from (f"{one.kind} {one.value}" for one in group)
    by_kind = {one.kind: one for one in node.of(Expression)}
    trigger, complete = by_kind.get("trigger"), by_kind.get("complete")
    if trigger and not _open(trigger, place) and not (complete and _open(complete, place)):
        yield f"trigger {trigger.text}"


def _open(expression: Expression, place: Place) -> bool:
    """Tell whether an expression holds; one that cannot be read holds nothing open."""
    parsed = read(expression.text)
    return expression.free or (parsed is not None and place.holds(parsed))
