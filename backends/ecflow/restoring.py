"""The commands that give a replaced node what it had: values, then states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opsgate.backends.ecflow import commands
from opsgate.backends.ecflow.commands import Alter, Command, Paths
from opsgate.backends.ecflow.hazards import may_complete
from opsgate.backends.ecflow.model import Attribute, Event, Label, Limit, Meter, Node, Repeat, Variable

_RUNNING = ("submitted", "active")


def restoring(lineage: Sequence[Node], wanted: Node, present: Node) -> Iterator[Command]:
    """Yield the commands for a node, which came back suspended.

    Args:
        lineage: From the suite down to the node, before it was replaced.
        wanted: What it was, and shall be again.
        present: What it is now.
    """
    path = "".join(f"/{node.name}" for node in lineage)
    pairs = list(_pairs(wanted, present, path))
    for where, old, new in pairs:
        yield from _values(where, old.attributes, new.attributes)
    yield from _states(pairs, completing=may_complete(lineage[0]))
    for where, old, new in pairs:
        if where != path and old.run.suspended and not new.run.suspended:
            yield commands.paths(Paths.SUSPEND, where)
        if where != path and new.run.suspended and not old.run.suspended:
            yield commands.paths(Paths.RESUME, where)
    yield commands.change(path, Alter.DEFSTATUS, wanted.details.default_state)
    if not wanted.run.suspended:
        yield commands.paths(Paths.RESUME, path)


def _pairs(wanted: Node, present: Node, path: str) -> Iterator[tuple[str, Node, Node]]:
    yield path, wanted, present
    for child in wanted.children:
        found = present.child(child.name)
        if found is not None:
            yield from _pairs(child, found, f"{path}/{child.name}")


def _values(path: str, wanted: Sequence[Attribute], present: Sequence[Attribute]) -> Iterator[Command]:
    found = {_key(one): one for one in present}
    for one in wanted:
        now = found.get(_key(one))
        if now is not None and now != one:
            yield from _value(path, one, now)


def _key(one: Attribute) -> tuple[type, str]:
    return type(one), one.key if isinstance(one, Event) else getattr(one, "name", "")


def _value(path: str, one: Attribute, now: Attribute) -> Iterator[Command]:
    if isinstance(one, Variable):
        yield commands.change(path, Alter.VARIABLE, one.name, one.value)
    elif isinstance(one, Label) and isinstance(now, Label) and one.value != now.value:
        yield commands.change(path, Alter.LABEL, one.name, one.value)
    elif isinstance(one, Event) and isinstance(now, Event) and one.value != now.value:
        yield commands.change(path, Alter.EVENT, one.key, "set" if one.value else "clear")
    elif isinstance(one, Meter) and isinstance(now, Meter) and one.value != now.value:
        yield commands.change(path, Alter.METER, one.name, str(one.value))
    elif isinstance(one, Repeat) and isinstance(now, Repeat) and one.position != now.position:
        yield commands.change(path, Alter.REPEAT, one.last_value)
    elif isinstance(one, Limit) and isinstance(now, Limit) and one.value != now.value:
        yield commands.change(path, Alter.LIMIT_VALUE, one.name, str(one.value))


def _states(pairs: Sequence[tuple[str, Node, Node]], *, completing: bool) -> Iterator[Command]:
    """Set the states of tasks, and of families and suites without any; the others follow from those."""
    for where, old, new in pairs:
        state = old.run.state
        if (
            not old.children
            and state != new.run.state
            and state not in _RUNNING
            and (completing or state != "complete")
        ):
            yield commands.force(where, state)
