"""How attributes look in JSON: the shapes of `GET .../attributes`, which trees show as well, each with its type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import singledispatch

from opsgate.backends.ecflow.model import (
    Attribute,
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
    Node,
    Queue,
    Remote,
    Repeat,
    Timed,
    Variable,
    Zombie,
)
from opsgate.backends.ecflow.port import JsonObject

_LATE = re.compile(r"-([sac]) (\+?)(\d\d?:\d\d)")
_REMOTE_OPTION = re.compile(r"--(\w+)\s+('[^']*'|\"[^\"]*\"|\S+)|--(\w+)")
_NO_TIME = "00:00"
_DAYS = re.compile(r"\d{1,9}")
_DAY_HOURS = 24

_LISTS = {
    "meters": "meter",
    "limits": "limit",
    "inlimits": "inlimit",
    "events": "event",
    "labels": "label",
    "dates": "date",
    "days": "day",
    "crons": "cron",
    "times": "time",
    "todays": "today",
    "zombies": "zombie",
    "generics": "generic",
    "queues": "queue",
    "avisos": "aviso",
    "mirrors": "mirror",
}
"""Keys of the attributes document that hold lists -> the type of what is in them."""

_ALL_KEYS = (
    "meters", "limits", "inlimits", "events", "labels", "dates", "days", "crons", "times", "todays", "repeat", "path",
    "trigger", "complete", "flag", "late", "zombies", "generics", "queues", "autocancel", "autoarchive", "autorestore",
    "avisos", "mirrors",
)  # fmt: skip
_TREE_BEFORE = ("label", "meter", "event", "variable")
_TREE_AFTER = (
    "limit", "inlimit", "date", "day", "cron", "time", "today", "late", "autocancel", "autoarchive", "autorestore",
    "repeat", "complete", "trigger", "queue", "zombie", "generic", "flag", "aviso", "mirror",
)  # fmt: skip


def attributes(node: Node, path: str) -> JsonObject:
    """Return the attributes of a node, without its variables."""
    by_type = _by_type(node)
    shown: JsonObject = {}
    for key in _ALL_KEYS:
        if key == "path":
            shown[key] = path
        elif key in _LISTS:
            shown[key] = [shape(one) for one in by_type.get(_LISTS[key], ())]
        elif key == "flag":
            shown[key] = flag(node)
        else:
            shown[key] = next((shape(one) for one in by_type.get(key, ())), None)
    return shown


def in_tree(node: Node) -> tuple[list[JsonObject], list[JsonObject]]:
    """Return the attributes of a node as a full tree shows them: up to its variables, and what comes after those."""
    by_type = _by_type(node)
    return _typed(by_type, _TREE_BEFORE, node), _typed(by_type, _TREE_AFTER, node)


def variable(one: Variable, *, const: bool = False, generated: bool = False) -> JsonObject:
    """Return a variable."""
    shown: JsonObject = {"name": one.name, "value": one.value, "const": const}
    return {**shown, "generated": True} if generated else shown


def generated_in_tree(found: Iterable[Variable]) -> list[JsonObject]:
    """Return generated variables as a full tree shows them."""
    return [{**variable(one), "type": "variable", "generated": True} for one in found]


def inherited(name: str, path: str, shown: Sequence[JsonObject]) -> JsonObject:
    """Return the variables that a node has from one above it, or from the server."""
    return {"name": name, "path": path, "variables": [{**one, "type": "variable"} for one in shown]}


def flag(node: Node) -> JsonObject:
    """Return the flags of a node."""
    return {"value": ",".join(node.run.flags)}


@singledispatch
def shape(one: object) -> JsonObject:
    """Return an attribute as JSON."""
    raise TypeError(f"{type(one).__name__} is no attribute")


def _type(one: Attribute) -> str:
    if isinstance(one, (Timed, Expression, Remote)):
        return one.kind
    return type(one).__name__.lower()


def _by_type(node: Node) -> dict[str, list[Attribute]]:
    found: dict[str, list[Attribute]] = {}
    for one in node.attributes:
        found.setdefault(_type(one), []).append(one)
    return found


def _typed(by_type: Mapping[str, list[Attribute]], types: Iterable[str], node: Node) -> list[JsonObject]:
    shown: list[JsonObject] = []
    for kind in types:
        if kind == "flag" and node.run.flags:
            shown.append({**flag(node), "type": "flag"})
        shown.extend(_in_tree(kind, one) for one in by_type.get(kind, ()))
    return shown


def _in_tree(kind: str, one: Attribute) -> JsonObject:
    if isinstance(one, Expression):
        return {"expression": one.text, "type": kind}
    if isinstance(one, Zombie):
        return {"zombie_type": one.type, **shape(one), "type": kind}
    return {**shape(one), "type": kind}


@shape.register
def _(one: Variable) -> JsonObject:
    return variable(one)


@shape.register
def _(one: Label) -> JsonObject:
    return {"name": one.name, "value": one.value}


@shape.register
def _(one: Meter) -> JsonObject:
    return {"name": one.name, "min": one.min, "max": one.max, "value": one.value}


@shape.register
def _(one: Event) -> JsonObject:
    return {"name": one.name, "value": one.value, "initial_value": one.initial, "number": one.number}


@shape.register
def _(one: Limit) -> JsonObject:
    return {"name": one.name, "value": one.value, "limit": one.max}


@shape.register
def _(one: InLimit) -> JsonObject:
    return {"value": f"inlimit {one.text}"}


@shape.register
def _(one: Timed) -> JsonObject:
    shown: JsonObject = {"value": one.value}
    if one.kind in ("date", "day", "today"):
        shown["free"] = one.free
    if one.kind in ("day", "today"):
        shown["expired"] = one.expired
    return shown


@shape.register
def _(one: Late) -> JsonObject:
    told = {option: (plus, time) for option, plus, time in _LATE.findall(one.value)}
    return {
        "submitted": {"value": told.get("s", ("", _NO_TIME))[1]},
        "active": {"value": told.get("a", ("", _NO_TIME))[1]},
        "complete": {"value": told.get("c", ("", _NO_TIME))[1]},
        "complete_is_relative": told.get("c", ("", _NO_TIME))[0] == "+",
        "is_late": one.late,
        "value": one.value,
    }


@shape.register
def _(one: Expression) -> JsonObject:
    parts = [{"expression": text, "type": word} for word, text in one.parts]
    return {"free": one.free, "expressions": parts, "value": one.text}


@shape.register
def _(one: Repeat) -> JsonObject:
    if one.listed:
        index = int(one.position)
        return {"name": one.name, "index": index, "value": one.last_value, "values": list(one.values)}
    if one.kind == "day":
        return {"name": one.name, "value": int(one.position), "valid": True}
    start, end, step = one.values
    if one.kind == "datetime":
        return {"name": one.name, "start": start, "end": end, "step": step, "value": one.position}
    return {"name": one.name, "start": int(start), "end": int(end), "step": int(step), "value": int(one.position)}


@shape.register
def _(one: Queue) -> JsonObject:
    return {"name": one.name, "index": one.index, "value": one.value, "queue": list(one.steps)}


@shape.register
def _(one: Generic) -> JsonObject:
    return {"name": one.name, "values": list(one.values)}


@shape.register
def _(one: Zombie) -> JsonObject:
    return {"type": one.type, "action": one.action, "child_commands": one.child_commands, "lifetime": one.lifetime}


@shape.register
def _(one: AutoCancel) -> JsonObject:
    return _after(one.value)


@shape.register
def _(one: AutoArchive) -> JsonObject:
    shown = _after(one.value)
    return {**shown, "value": f"{one.value} -i", "idle": True} if one.idle else shown


@shape.register
def _(one: AutoRestore) -> JsonObject:
    return {"value": " ".join(one.paths)}


@shape.register
def _(one: Remote) -> JsonObject:
    options: dict[str, str] = {}
    for name, value, bare in _REMOTE_OPTION.findall(one.value):
        options[name or bare] = value.strip("'\"") if name else "true"
    keys = _AVISO if one.kind == "aviso" else _MIRROR
    shown: JsonObject = {key: options.get(key, "") for key in keys}
    if one.kind == "mirror":
        shown["ssl"] = "ssl" in options
    return {**shown, "name": one.name}


_AVISO = ("name", "listener", "url", "schema", "polling")
_MIRROR = ("name", "remote_path", "remote_host", "remote_port", "polling")


def _after(value: str) -> JsonObject:
    """Return a time after completion: `+01:00`, `10:00`, or a number of days."""
    if _DAYS.fullmatch(value):
        time = f"{int(value) * _DAY_HOURS:02}:00"
        return {"relative": True, "days": True, "time": {"value": time}, "value": value}
    return {"relative": value.startswith("+"), "days": False, "time": {"value": value.lstrip("+")}, "value": value}
