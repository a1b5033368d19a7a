"""How each kind of attribute is changed."""

from __future__ import annotations

from opsgate.backends.ecflow import commands, values
from opsgate.backends.ecflow.adding import autoarchive, autorestore, zombie_text
from opsgate.backends.ecflow.commands import Add, Alter, Delete
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
    Variable,
    Zombie,
)
from opsgate.backends.ecflow.plans import REMOTES_SINCE, Plan, Planner, Target, given, sent, with_other
from opsgate.backends.ecflow.port import Attribute
from opsgate.backends.errors import Invalid, NotFound


def _variable(target: Target, attribute: Attribute) -> Plan:
    one = target.found(Variable, values.name(attribute.name, "variable"), "variable")
    return sent(commands.change(target.path, Alter.VARIABLE, one.name, values.text(attribute.value, "value")))


def _label(target: Target, attribute: Attribute) -> Plan:
    one = target.found(Label, values.name(attribute.name, "label"), "label")
    return sent(commands.change(target.path, Alter.LABEL, one.name, values.text(attribute.value, "value")))


def _meter(target: Target, attribute: Attribute) -> Plan:
    one = target.found(Meter, values.name(attribute.name, "meter"), "meter")
    for given_bound, bound, word in ((attribute.minimum, one.min, "min"), (attribute.maximum, one.max, "max")):
        if given_bound is not None and values.integer(given_bound, word) != bound:
            raise Invalid(f"the {word} of meter {one.name} is {bound}: it cannot be changed")
    value = values.integer(attribute.value, "value")
    values.meter(one.min, one.max, value)
    return sent(commands.change(target.path, Alter.METER, one.name, str(value)))


def _event(target: Target, attribute: Attribute) -> Plan:
    one = target.found(Event, values.name(attribute.name, "event"), "event")
    word = "set" if values.truth(values.text(attribute.value, "value")) else "clear"
    return sent(commands.change(target.path, Alter.EVENT, one.key, word))


def _limit(target: Target, attribute: Attribute) -> Plan:
    one = target.found(Limit, values.name(attribute.name, "limit"), "limit")
    wanted = []
    if attribute.maximum is not None:
        most = values.count(attribute.maximum, "maximum of a limit")
        wanted.append(commands.change(target.path, Alter.LIMIT_MAX, one.name, str(most)))
    if attribute.value is not None:
        used = values.count(attribute.value, "value of a limit")
        wanted.append(commands.change(target.path, Alter.LIMIT_VALUE, one.name, str(used)))
    if not wanted:
        raise Invalid(f"limit {one.name}: neither value nor max is given")
    return sent(*wanted, undo=[commands.change(target.path, Alter.LIMIT_MAX, one.name, str(one.max))])


def _inlimit(target: Target, attribute: Attribute) -> Plan:
    new = values.inlimit(attribute.name, attribute.value)
    old = inlimit(target, new)
    where = f"{old.path}:{old.name}" if old.path else old.name
    if old.this_node_only or old.submission_only:
        return with_other(old, InLimit(old.name, old.path, new.tokens, old.this_node_only, old.submission_only))
    return sent(
        commands.remove(target.path, Delete.INLIMIT, where),
        commands.add(target.path, Add.INLIMIT, where, str(new.tokens)),
        undo=[commands.add(target.path, Add.INLIMIT, where, str(old.tokens))],
    )


def _series(kind: str, what: Alter) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        new, old = _moved(target, attribute, kind)
        return sent(commands.change(target.path, what, old.value, new))

    return plan


def _day(kind: str, remove: Delete, add: Add) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        new, old = _moved(target, attribute, kind)
        return sent(
            commands.remove(target.path, remove, old.value),
            commands.add(target.path, add, new),
            undo=[commands.add(target.path, add, old.value)],
        )

    return plan


def _cron(target: Target, attribute: Attribute) -> Plan:
    new, old = _moved(target, attribute, "cron")
    return with_other(old, Timed("cron", new))


def _moved(target: Target, attribute: Attribute, kind: str) -> tuple[str, Timed]:
    """Return the new text, which is checked before the old one goes, and the attribute that has the old one."""
    new = values.timed(kind, attribute.value)
    old = target.timed(kind, " ".join(values.text(attribute.old_value, "old_value").split()))
    if new != old.value:
        target.refuse(lambda: target.timed(kind, new), f"{kind} {new}")
    return new, old


def _late(target: Target, attribute: Attribute) -> Plan:
    target.the(Late, "late")
    return sent(commands.change(target.path, Alter.LATE, values.late(given(attribute))))


def _expression(kind: str, what: Alter) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        target.the(Expression, kind)
        text = values.expression(given(attribute), kind)
        target.refuse_dangling(text, kind)
        return sent(commands.change(target.path, what, text))

    return plan


def _repeat(target: Target, attribute: Attribute) -> Plan:
    one = target.the(Repeat, "repeat")
    return sent(commands.change(target.path, Alter.REPEAT, values.position(one, given(attribute))))


def _queue(target: Target, attribute: Attribute) -> Plan:
    one = target.found(Queue, values.name(attribute.name, "queue"), "queue")
    return with_other(one, values.queue(one.name, attribute.value))


def _generic(target: Target, attribute: Attribute) -> Plan:
    one = target.found(Generic, values.name(attribute.name, "generic"), "generic")
    return with_other(one, values.generic(one.name, attribute.value))


def _zombie(target: Target, attribute: Attribute) -> Plan:
    new = values.zombie(values.text(given(attribute), "zombie"))
    old = zombie(target, new.type)
    return sent(
        commands.remove(target.path, Delete.ZOMBIE, old.type),
        commands.add(target.path, Add.ZOMBIE, zombie_text(new)),
        undo=[commands.add(target.path, Add.ZOMBIE, zombie_text(old))],
    )


def _autocancel(target: Target, attribute: Attribute) -> Plan:
    one = target.the(AutoCancel, "autocancel")
    return with_other(one, AutoCancel(values.after(given(attribute), "autocancel")))


def _autoarchive(target: Target, attribute: Attribute) -> Plan:
    return with_other(target.the(AutoArchive, "autoarchive"), autoarchive(target, attribute))


def _autorestore(target: Target, attribute: Attribute) -> Plan:
    return with_other(target.the(AutoRestore, "autorestore"), autorestore(target, attribute))


def _remote(kind: str, what: Alter) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        target.needs(REMOTES_SINCE, f"an {kind}" if kind == "aviso" else f"a {kind}")
        one = target.found(Remote, values.name(attribute.name, kind), kind)
        return sent(commands.change(target.path, what, one.name, values.options(attribute.value, kind)))

    return plan


def inlimit(target: Target, like: InLimit) -> InLimit:
    """Return the node's inlimit of that limit, or raise `NotFound`."""
    for one in target.node.of(InLimit):
        if (one.path, one.name) == (like.path, like.name):
            return one
    raise NotFound(f"{target.path} has no inlimit {like.text}")


def zombie(target: Target, kind: str) -> Zombie:
    """Return the node's zombie of that type, or raise `NotFound`."""
    for one in target.node.of(Zombie):
        if one.type == kind:
            return one
    raise NotFound(f"{target.path} has no zombie of type {kind}")


PLANNERS: dict[str, Planner] = {
    "variable": _variable,
    "label": _label,
    "meter": _meter,
    "event": _event,
    "limit": _limit,
    "inlimit": _inlimit,
    "time": _series("time", Alter.TIME),
    "today": _series("today", Alter.TODAY),
    "date": _day("date", Delete.DATE, Add.DATE),
    "day": _day("day", Delete.DAY, Add.DAY),
    "cron": _cron,
    "late": _late,
    "complete": _expression("complete", Alter.COMPLETE),
    "trigger": _expression("trigger", Alter.TRIGGER),
    "repeat": _repeat,
    "queue": _queue,
    "generic": _generic,
    "zombie": _zombie,
    "autocancel": _autocancel,
    "autoarchive": _autoarchive,
    "autorestore": _autorestore,
    "aviso": _remote("aviso", Alter.AVISO),
    "mirror": _remote("mirror", Alter.MIRROR),
}
