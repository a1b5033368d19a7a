"""How each kind of attribute is deleted. Always one: a command with an empty name would delete all of that kind."""

from __future__ import annotations

from opsgate.backends.ecflow import commands, values
from opsgate.backends.ecflow.changing import inlimit, zombie
from opsgate.backends.ecflow.commands import Delete
from opsgate.backends.ecflow.model import (
    AutoArchive,
    AutoCancel,
    AutoRestore,
    Event,
    Expression,
    Generic,
    Label,
    Late,
    Limit,
    Meter,
    Queue,
    Remote,
    Repeat,
    Variable,
)
from opsgate.backends.ecflow.plans import REMOTES_SINCE, Plan, Planner, Target, given, sent, without
from opsgate.backends.ecflow.port import Attribute

_Named = Variable | Label | Meter | Limit | Queue | Generic


def _named(kind: type[_Named], word: str, what: Delete) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        one = target.found(kind, values.name(attribute.name, word), word)
        return sent(commands.remove(target.path, what, one.name))

    return plan


def _event(target: Target, attribute: Attribute) -> Plan:
    one = target.found(Event, values.name(attribute.name, "event"), "event")
    return sent(commands.remove(target.path, Delete.EVENT, one.key))


def _inlimit(target: Target, attribute: Attribute) -> Plan:
    one = inlimit(target, values.inlimit(attribute.name, None))
    where = f"{one.path}:{one.name}" if one.path else one.name
    return sent(commands.remove(target.path, Delete.INLIMIT, where))


def _timed(kind: str, what: Delete) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        one = target.timed(kind, " ".join(values.text(given(attribute), "value").split()))
        return sent(commands.remove(target.path, what, one.value))

    return plan


def _only(kind: type[Late | Expression | Repeat], word: str, what: Delete) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:  # noqa: ARG001 - there is but one
        target.the(kind, word)
        return sent(commands.remove(target.path, what))

    return plan


def _rewritten(kind: type[AutoCancel | AutoArchive | AutoRestore], word: str) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:  # noqa: ARG001 - there is but one
        return without(target.the(kind, word))

    return plan


def _zombie(target: Target, attribute: Attribute) -> Plan:
    one = zombie(target, values.zombie_type(values.text(attribute.name or attribute.value, "name")))
    return sent(commands.remove(target.path, Delete.ZOMBIE, one.type))


def _remote(kind: str, what: Delete) -> Planner:
    def plan(target: Target, attribute: Attribute) -> Plan:
        target.needs(REMOTES_SINCE, f"an {kind}" if kind == "aviso" else f"a {kind}")
        one = target.found(Remote, values.name(attribute.name, kind), kind)
        return sent(commands.remove(target.path, what, one.name))

    return plan


PLANNERS: dict[str, Planner] = {
    "variable": _named(Variable, "variable", Delete.VARIABLE),
    "label": _named(Label, "label", Delete.LABEL),
    "meter": _named(Meter, "meter", Delete.METER),
    "event": _event,
    "limit": _named(Limit, "limit", Delete.LIMIT),
    "inlimit": _inlimit,
    "time": _timed("time", Delete.TIME),
    "today": _timed("today", Delete.TODAY),
    "date": _timed("date", Delete.DATE),
    "day": _timed("day", Delete.DAY),
    "cron": _timed("cron", Delete.CRON),
    "late": _only(Late, "late", Delete.LATE),
    "complete": _only(Expression, "complete", Delete.COMPLETE),
    "trigger": _only(Expression, "trigger", Delete.TRIGGER),
    "repeat": _only(Repeat, "repeat", Delete.REPEAT),
    "queue": _named(Queue, "queue", Delete.QUEUE),
    "generic": _named(Generic, "generic", Delete.GENERIC),
    "zombie": _zombie,
    "autocancel": _rewritten(AutoCancel, "autocancel"),
    "autoarchive": _rewritten(AutoArchive, "autoarchive"),
    "autorestore": _rewritten(AutoRestore, "autorestore"),
    "aviso": _remote("aviso", Delete.AVISO),
    "mirror": _remote("mirror", Delete.MIRROR),
}
