"""How each kind of attribute is added."""

from __future__ import annotations

from opsgate.backends.ecflow import commands, values
from opsgate.backends.ecflow.commands import Add
from opsgate.backends.ecflow.model import (
    AutoArchive,
    AutoCancel,
    AutoRestore,
    Event,
    Expression,
    Generic,
    InLimit,
    Label,
    Late,
    Limit,
    Meter,
    Queue,
    Remote,
    Repeat,
    Timed,
    Zombie,
)
from opsgate.backends.ecflow.plans import (
    EVENTS_AND_METERS_SINCE,
    REMOTES_SINCE,
    Plan,
    Planner,
    Target,
    given,
    sent,
    with_one,
)
from opsgate.backends.ecflow.port import Attribute
from opsgate.backends.errors import Conflict, Invalid

_IDLE = " -i"


def _variable(target: Target, attribute: Attribute) -> Plan:
    name = values.name(attribute.name, "variable")
    return sent(commands.add(target.path, Add.VARIABLE, name, values.text(attribute.value, "value")))


def _label(target: Target, attribute: Attribute) -> Plan:
    name = values.name(attribute.name, "label")
    target.refuse(lambda: target.found(Label, name, "label"), f"label {name}")
    return sent(commands.add(target.path, Add.LABEL, name, values.text(attribute.value, "value")))


def _meter(target: Target, attribute: Attribute) -> Plan:
    name = values.name(attribute.name, "meter")
    low, high = values.integer(attribute.minimum, "min"), values.integer(attribute.maximum, "max")
    value = low if attribute.value is None else values.integer(attribute.value, "value")
    values.meter(low, high, value)
    target.refuse(lambda: target.found(Meter, name, "meter"), f"meter {name}")
    if target.version >= EVENTS_AND_METERS_SINCE:
        return sent(commands.add(target.path, Add.METER, name, f"{low},{high},{value}"))
    return with_one(Meter(name, low, high, high, value))


def _event(target: Target, attribute: Attribute) -> Plan:
    name = values.name(attribute.name, "event")
    value = values.truth(attribute.value)
    target.refuse(lambda: target.found(Event, name, "event"), f"event {name}")
    if target.version >= EVENTS_AND_METERS_SINCE:
        return sent(commands.add(target.path, Add.EVENT, name, "set" if value else "clear"))
    if name.isdigit():
        return with_one(Event(values.count(name, "number of an event"), "", value=value))
    return with_one(Event(None, name, value=value))


def _limit(target: Target, attribute: Attribute) -> Plan:
    name = values.name(attribute.name, "limit")
    most = values.count(attribute.value if attribute.value is not None else attribute.maximum, "maximum of a limit")
    target.refuse(lambda: target.found(Limit, name, "limit"), f"limit {name}")
    return sent(commands.add(target.path, Add.LIMIT, name, str(most)))


def _inlimit(target: Target, attribute: Attribute) -> Plan:
    one = values.inlimit(attribute.name, attribute.value)
    if any((other.path, other.name) == (one.path, one.name) for other in target.node.of(InLimit)):
        raise Conflict(f"{target.path} has inlimit {attribute.name} already")
    if one.this_node_only or one.submission_only:  # the server's command cannot tell that
        return with_one(one)
    where = f"{one.path}:{one.name}" if one.path else one.name
    return sent(commands.add(target.path, Add.INLIMIT, where, str(one.tokens)))


def _timed(kind: str, what: Add | None) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        text = values.timed(kind, given(attribute))
        target.refuse(lambda: target.timed(kind, text), f"{kind} {text}")
        if kind == "cron":
            _refuse_beside(target, Repeat, "a repeat: with both, the server does not take it")
        return with_one(Timed(kind, text)) if what is None else sent(commands.add(target.path, what, text))

    return plan


def _late(target: Target, attribute: Attribute) -> Plan:
    text = values.late(given(attribute))
    target.refuse(lambda: target.the(Late, "late"), "a late")
    return sent(commands.add(target.path, Add.LATE, text))


def _expression(kind: str) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        text = values.expression(given(attribute), kind)
        target.refuse(lambda: target.the(Expression, kind), f"a {kind}")
        target.refuse_dangling(text, kind)
        return with_one(Expression(kind, (("FIRST", text),)))

    return plan


def _repeat(target: Target, attribute: Attribute) -> Plan:
    one = values.repeat(given(attribute))
    target.refuse(lambda: target.the(Repeat, "repeat"), "a repeat")
    if any(other.kind == "cron" for other in target.node.of(Timed)):
        raise Conflict(f"{target.path} has a cron: with both, the server does not take it")
    return with_one(one)


def _queue(target: Target, attribute: Attribute) -> Plan:
    one = values.queue(attribute.name, attribute.value)
    target.refuse(lambda: target.found(Queue, one.name, "queue"), f"queue {one.name}")
    return with_one(one)


def _generic(target: Target, attribute: Attribute) -> Plan:
    one = values.generic(attribute.name, attribute.value)
    target.refuse(lambda: target.found(Generic, one.name, "generic"), f"generic {one.name}")
    return with_one(one)


def _zombie(target: Target, attribute: Attribute) -> Plan:
    one = values.zombie(attribute.name or values.text(attribute.value, "zombie"))
    if any(other.type == one.type for other in target.node.of(Zombie)):
        raise Conflict(f"{target.path} has a zombie of type {one.type} already")
    return sent(commands.add(target.path, Add.ZOMBIE, zombie_text(one)))


def _autocancel(target: Target, attribute: Attribute) -> Plan:
    text = values.after(given(attribute), "autocancel")
    target.refuse(lambda: target.the(AutoCancel, "autocancel"), "an autocancel")
    _refuse_beside(target, AutoArchive, "an autoarchive: with both, the server does not take it")
    return with_one(AutoCancel(text))


def _autoarchive(target: Target, attribute: Attribute) -> Plan:
    one = autoarchive(target, attribute)
    target.refuse(lambda: target.the(AutoArchive, "autoarchive"), "an autoarchive")
    _refuse_beside(target, AutoCancel, "an autocancel: with both, the server does not take it")
    return with_one(one)


def _autorestore(target: Target, attribute: Attribute) -> Plan:
    one = autorestore(target, attribute)
    target.refuse(lambda: target.the(AutoRestore, "autorestore"), "an autorestore")
    return with_one(one)


def _remote(kind: str, what: Add) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        target.needs(REMOTES_SINCE, f"an {kind}" if kind == "aviso" else f"a {kind}")
        name = values.name(attribute.name, kind)
        target.refuse(lambda: target.found(Remote, name, kind), f"{kind} {name}")
        return sent(commands.add(target.path, what, name, values.options(attribute.value, kind)))

    return plan


def _refuse_beside(target: Target, kind: type[Repeat | AutoArchive | AutoCancel], what: str) -> None:
    """Raise `Conflict` when the node has something that the server does not take beside the new attribute."""
    if target.node.of(kind):
        raise Conflict(f"{target.path} has {what}")


def autoarchive(target: Target, attribute: Attribute) -> AutoArchive:
    """Return the autoarchive that a caller means, or raise `Invalid`: tasks cannot be archived."""
    if target.node.kind not in ("suite", "family"):
        raise Invalid(f"{target.path} is a {target.node.kind}: only suites and families can be archived")
    text = values.text(given(attribute), "autoarchive").strip()
    return AutoArchive(values.after(text.removesuffix(_IDLE), "autoarchive"), text.endswith(_IDLE))


def autorestore(target: Target, attribute: Attribute) -> AutoRestore:
    """Return the autorestore that a caller means; raise `Invalid` for what cannot be restored."""
    paths = values.paths(given(attribute))
    for path in paths:
        node = target.definition.find(path)
        if node is None or node.kind not in ("suite", "family"):
            raise Invalid(f"autorestore: there is no suite or family {path}")
    return AutoRestore(paths)


def zombie_text(one: Zombie) -> str:
    """Return a zombie as the server's command wants it."""
    return f"{one.type}:{one.action}:{one.child_commands}:{one.lifetime or ''}"


PLANNERS: dict[str, Planner] = {
    "variable": _variable,
    "label": _label,
    "meter": _meter,
    "event": _event,
    "limit": _limit,
    "inlimit": _inlimit,
    "time": _timed("time", Add.TIME),
    "today": _timed("today", Add.TODAY),
    "date": _timed("date", Add.DATE),
    "day": _timed("day", Add.DAY),
    "cron": _timed("cron", None),
    "late": _late,
    "complete": _expression("complete"),
    "trigger": _expression("trigger"),
    "repeat": _repeat,
    "queue": _queue,
    "generic": _generic,
    "zombie": _zombie,
    "autocancel": _autocancel,
    "autoarchive": _autoarchive,
    "autorestore": _autorestore,
    "aviso": _remote("aviso", Add.AVISO),
    "mirror": _remote("mirror", Add.MIRROR),
}
