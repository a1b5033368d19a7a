"""Applies what a sync says has changed: the server's mementos, by node.

A memento holds new values, never differences, so applying one twice does no harm. What is not known here, and what the
server tells incompletely, is not guessed: those nodes are named, to be read anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from opsgate.backends.ecflow.model import (
    DEFAULT_STATES,
    FLAGS,
    STATES,
    Attribute,
    Calendar,
    Definition,
    Details,
    Event,
    Expression,
    Label,
    Limit,
    Meter,
    Node,
    Queue,
    Repeat,
    Run,
    Server,
    Variable,
    sorted_flags,
    whole,
)

Data = Mapping[str, Any]

_UNREADABLE = (AttributeError, LookupError, OverflowError, TypeError, ValueError)
"""What comes of reading values that are not what they should be."""
_NEW = 1 << 31
_SERVER_STATES = ("HALTED", "SHUTDOWN", "RUNNING")
_JOINED = {1: "AND", 2: "OR"}


class UnknownError(Exception):
    """The changes cannot be applied: the whole definition must be read anew."""


class Changes(Struct):
    """What a sync brought.

    Attributes:
        state: The server's state_change number after them.
        modify: Its modify_change number.
        nodes: By path, the mementos in their order: name of the type and fields. `/` is the server.
        unclear: The paths of nodes whose attributes came or went, which is told without their flags.
    """

    state: int
    modify: int
    nodes: dict[str, list[tuple[str, Data]]] = {}
    unclear: set[str] = set()


class _Branch(Struct):
    """What changes at a node and below it."""

    mementos: list[tuple[str, Data]] = []
    unclear: bool = False
    below: dict[str, _Branch] = {}


def read(data: Data) -> Changes:
    """Return the changes in the `incremental_changes_` of a sync, or raise `UnknownError`."""
    try:
        changes = Changes(whole(data["server_state_change_no_"]), whole(data["server_modify_change_no_"]), {}, set())
        names: dict[int, str] = {}
        for pointer in data["compound_mementos_"]:
            compound = pointer["ptr_wrapper"]["data"]
            path = str(compound["absNodePath_"])
            if compound.get("clear_attributes_"):
                changes.unclear.add(path)
            changes.nodes.setdefault(path, []).extend(_named(names, member) for member in compound["vec_"])
    except _UNREADABLE as error:
        raise UnknownError(str(error)) from error
    return changes


def apply(old: Definition, changes: Changes) -> tuple[Definition, list[str]]:
    """Return the changed definition, and the paths of nodes that must be read anew with all below them.

    Raises:
        UnknownError: The whole definition must be read anew.
    """
    tree = _Branch([], False, {})
    stale: list[str] = []
    for path, mementos in changes.nodes.items():
        branch = tree
        for name in path.strip("/").split("/") if path != "/" else ():
            branch = branch.below.setdefault(name, _Branch([], False, {}))
        branch.mementos += mementos
        branch.unclear = branch.unclear or path in changes.unclear
    try:
        server = _applied(old.server, tree.mementos, _OF_SERVER)
        suites = _children(old.root, tree, "", stale)
    except _UNREADABLE as error:
        raise UnknownError(str(error)) from error
    return Definition(server, changes.state, changes.modify, suites), stale


def exact(node: Node, mementos: Iterable[tuple[str, Data]]) -> Node:
    """Return the node with those values of variables and labels that the mementos tell better than its text.

    Raises:
        UnknownError: They tell nothing that can be read.
    """
    try:
        return node.told(dict(_told(mementos)))
    except _UNREADABLE as error:
        raise UnknownError(str(error)) from error


def _told(mementos: Iterable[tuple[str, Data]]) -> Iterator[tuple[tuple[str, str], Attribute]]:
    for name, data in mementos:
        if name == "NodeVariableMemento":
            yield ("edit", str(data["var_"]["n_"])), _variable(data["var_"])
        elif name == "NodeLabelMemento":
            yield ("label", str(data["label_"]["n_"])), _label(data["label_"])


def _named(names: dict[int, str], member: Data) -> tuple[str, Data]:
    """Return name and fields of a memento; cereal names a type where it first occurs, then only gives its number."""
    number = whole(member["polymorphic_id"])
    if number & _NEW:
        names[number & ~_NEW] = str(member["polymorphic_name"])
    return names[number & ~_NEW], member["ptr_wrapper"]["data"]


def _children(node: Node, branch: _Branch, path: str, stale: list[str]) -> tuple[Node, ...]:
    missing = [name for name in branch.below if node.child(name) is None]
    if missing:
        raise UnknownError(f"no node {path}/{missing[0]}")
    return tuple(
        _node(child, branch.below[child.name], f"{path}/{child.name}", stale) if child.name in branch.below else child
        for child in node.children
    )


def _node(node: Node, branch: _Branch, path: str, stale: list[str]) -> Node:
    if branch.unclear or any(name not in _OF_NODE for name, _ in branch.mementos):
        stale.append(path)
        return node
    if branch.mementos:
        node = node.with_details(_applied(node.details, branch.mementos, _OF_NODE))
    return node.with_children(_children(node, branch, path, stale)) if branch.below else node


def _applied(target: Any, mementos: Iterable[tuple[str, Data]], table: Mapping[str, Callable[[Any, Data], Any]]) -> Any:
    for name, data in mementos:
        change = table.get(name)
        if change is None:
            raise UnknownError(name)
        target = change(target, data)
    return target


def _run(**read: Callable[[Data], object]) -> Callable[[Details, Data], Details]:
    def change(details: Details, data: Data) -> Details:
        values: dict[str, Any] = {field: value(data) for field, value in read.items()}
        return msgspec.structs.replace(details, run=msgspec.structs.replace(details.run, **values))

    return change


def _attribute(
    make: Callable[[Attribute, Data], Attribute | None],
) -> Callable[[Details, Data], Details]:
    """Return the change of the one attribute for which `make` returns something; `UnknownError` when it is none."""

    def change(details: Details, data: Data) -> Details:
        for index, attribute in enumerate(details.attributes):
            changed = make(attribute, data)
            if changed is not None:
                attributes = (*details.attributes[:index], changed, *details.attributes[index + 1 :])
                return msgspec.structs.replace(details, attributes=attributes)
        raise UnknownError("an attribute that is not there changed")

    return change


def _changed_event(attribute: Attribute, data: Data) -> Event | None:
    event = _event(data["event_"])
    return event if isinstance(attribute, Event) and attribute.key == event.key else None


def _changed_meter(attribute: Attribute, data: Data) -> Meter | None:
    told = data["meter_"]
    if not isinstance(attribute, Meter) or attribute.name != told["n_"]:
        return None
    return Meter(attribute.name, whole(told["min_"]), whole(told["max_"]), whole(told["cc_"]), whole(told["v_"]))


def _changed_label(attribute: Attribute, data: Data) -> Label | None:
    label = _label(data["label_"])
    return label if isinstance(attribute, Label) and attribute.name == label.name else None


def _changed_variable(attribute: Attribute, data: Data) -> Variable | None:
    variable = _variable(data["var_"])
    return variable if isinstance(attribute, Variable) and attribute.name == variable.name else None


def _changed_limit(attribute: Attribute, data: Data) -> Limit | None:
    told = data["limit_"]
    if not isinstance(attribute, Limit) or attribute.name != told["n_"]:
        return None
    return Limit(
        attribute.name, whole(told["lim_"]), whole(told.get("value_", 0)), tuple(map(str, told.get("paths_", ())))
    )


def _changed_repeat(attribute: Attribute, data: Data) -> Repeat | None:
    if not isinstance(attribute, Repeat):
        return None
    if attribute.kind in ("datetime", "day"):  # their number on the wire is not what the text says
        raise UnknownError("repeat")
    return msgspec.structs.replace(attribute, position=str(whole(data["index_or_value_"])))


def _changed_queue(attribute: Attribute, data: Data) -> Queue | None:
    if not isinstance(attribute, Queue) or attribute.name != data["name_"]:
        return None
    states = tuple(STATES[number] for number in data["state_vec_"])
    return msgspec.structs.replace(attribute, index=whole(data["index_"]), states=states)


def _changed_expression(kind: str) -> Callable[[Attribute, Data], Expression | None]:
    def change(attribute: Attribute, data: Data) -> Expression | None:
        if not isinstance(attribute, Expression) or attribute.kind != kind:
            return None
        told = data["exp_"]
        parts = tuple((_JOINED.get(part.get("type_", 0), "FIRST"), str(part["exp_"])) for part in told["vec_"])
        return Expression(kind, parts, bool(told.get("free_", False)))

    return change


def _event(told: Data) -> Event:
    number = told.get("number_")
    return Event(
        None if number is None else whole(number),
        str(told.get("n_", "")),
        bool(told.get("iv_", False)),
        bool(told.get("v_", False)),
    )


def _label(told: Data) -> Label:
    return Label(str(told["n_"]), str(told.get("v_", "")), str(told.get("new_v_", "")))


def _variable(told: Data) -> Variable:
    return Variable(str(told["n_"]), str(told["v_"]))


def _flags(data: Data) -> tuple[str, ...]:
    number = whole(data["flag_"]["flag_"])
    if number >> len(FLAGS):
        raise UnknownError("flag")
    return sorted_flags(name for bit, name in enumerate(FLAGS) if number >> bit & 1)


def _begun(details: Details, data: Data) -> Details:
    return msgspec.structs.replace(details, run=msgspec.structs.replace(details.run, begun=bool(data["begun_"])))


def _default_state(details: Details, data: Data) -> Details:
    return msgspec.structs.replace(details, default_state=DEFAULT_STATES[data["state_"]])


def _submittable(run: Run, data: Data) -> Run:
    return msgspec.structs.replace(
        run,
        password=str(data["paswd_"]),
        rid=str(data["rid_"]),
        tryno=whole(data["tryNo_"]),
        reason=str(data["abr_"]),
    )


def _calendar(details: Details, data: Data) -> Details:
    told = data["cal_"]
    begin = str(told["initTime_"]["ptime"])
    calendar = Calendar(_ptime(told, "suiteTime_", begin), begin, _ptime(told, "initLocalTime_", begin))
    return msgspec.structs.replace(details, calendar=calendar)


def _ptime(told: Data, field: str, default: str) -> str:
    """Return a time; those that equal the first one are not told."""
    return str(told.get(field, {}).get("ptime", default))


_OF_NODE: dict[str, Callable[[Details, Data], Details]] = {
    "NodeStateMemento": _run(state=lambda data: STATES[data["state_"]["first"]]),
    "SuspendedMemento": _run(suspended=lambda data: bool(data["suspended_"])),
    "FlagMemento": _run(flags=_flags),
    "AliasNumberMemento": _run(alias_no=lambda data: whole(data["alias_no_"])),
    "SubmittableMemento": lambda details, data: msgspec.structs.replace(details, run=_submittable(details.run, data)),
    "NodeDefStatusDeltaMemento": _default_state,
    "SuiteBeginDeltaMemento": _begun,
    "SuiteCalendarMemento": _calendar,
    "NodeEventMemento": _attribute(_changed_event),
    "NodeMeterMemento": _attribute(_changed_meter),
    "NodeLabelMemento": _attribute(_changed_label),
    "NodeVariableMemento": _attribute(_changed_variable),
    "NodeLimitMemento": _attribute(_changed_limit),
    "NodeRepeatIndexMemento": _attribute(_changed_repeat),
    "NodeQueueIndexMemento": _attribute(_changed_queue),
    "NodeTriggerMemento": _attribute(_changed_expression("trigger")),
    "NodeCompleteMemento": _attribute(_changed_expression("complete")),
}


def _server_variables(server: Server, data: Data) -> Server:
    return msgspec.structs.replace(server, user_variables=tuple(map(_variable, data["serverEnv_"])))


_OF_SERVER: dict[str, Callable[[Server, Data], Server]] = {
    "StateMemento": lambda server, data: msgspec.structs.replace(server, node_state=STATES[data["state_"]]),
    "FlagMemento": lambda server, data: msgspec.structs.replace(server, flags=_flags(data)),
    "ServerStateMemento": lambda server, data: msgspec.structs.replace(server, state=_SERVER_STATES[data["state_"]]),
    "ServerVariableMemento": _server_variables,
}
