"""Writes definitions as text, without run-time state: for people, and for the server to read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import singledispatch

from opsgate.backends.ecflow.model import (
    Attribute,
    AutoArchive,
    AutoCancel,
    AutoRestore,
    Clock,
    Event,
    Expression,
    Generic,
    InLimit,
    Label,
    Late,
    Limit,
    Meter,
    Node,
    Other,
    Queue,
    Remote,
    Repeat,
    Timed,
    Variable,
    Zombie,
)

_STEP = "  "
_END = {"suite": "endsuite", "family": "endfamily"}
_OPTIONS = {"AND": "-a ", "OR": "-o "}


def definition(node: Node, depth: int = 0) -> str:
    """Return the definition of a node and all below it, indented as `depth` levels below a suite's first line."""
    return "".join(f"{line}\n" for line in _lines(node, _STEP * depth))


def framed(lineage: list[Node], inner: str) -> str:
    """Return a suite that holds nothing but `inner`, below nodes of the names and kinds in `lineage`.

    Args:
        lineage: From the suite down to the parent of what is in `inner`; none when that is a suite itself.
        inner: A definition.
    """
    before = [f"{_STEP * depth}{node.kind} {node.name}\n" for depth, node in enumerate(lineage)]
    after = [f"{_STEP * depth}{_END[node.kind]}\n" for depth, node in enumerate(lineage)]
    return "".join([*before, inner, *reversed(after)])


def attribute(one: Attribute) -> list[str]:
    """Return the lines of an attribute, without indentation."""
    return _written(one)


def _lines(node: Node, indent: str) -> Iterator[str]:
    yield f"{indent}{node.kind} {node.name}"
    deeper = indent + _STEP
    for line in body(node):
        yield deeper + line
    for child in node.children:
        if child.kind != "alias":  # aliases are made by users at run time and are no part of a definition
            yield from _lines(child, deeper)
    if node.kind in _END:
        yield indent + _END[node.kind]


def body(node: Node) -> Iterator[str]:
    """Yield the lines between a node's first line and its children, without indentation."""
    if node.details.default_state != "queued":
        yield f"defstatus {node.details.default_state}"
    for one in node.attributes:
        yield from _written(one)


@singledispatch
def _written(one: object) -> list[str]:
    raise TypeError(f"{type(one).__name__} is no attribute")


def _writes(kind: type, line: Callable[..., str]) -> None:
    _written.register(kind, lambda one: [line(one)])


@_written.register(Expression)
def _(one: Expression) -> list[str]:
    return [f"{one.kind} {_OPTIONS.get(word, '')}{text}" for word, text in one.parts]


@_written.register(Other)
def _(one: Other) -> list[str]:
    text = one.line.partition(" # ")[0].rstrip()
    return [] if text.startswith("#") else [text]


def _escaped(text: str) -> str:
    return text.replace("\n", "\\n")


def _event(one: Event) -> str:
    words = ["event", *([] if one.number is None else [str(one.number)]), *([one.name] if one.name else [])]
    return " ".join(words + (["set"] if one.initial else []))


def _meter(one: Meter) -> str:
    return f"meter {one.name} {one.min} {one.max} {one.colour}"


def _repeat(one: Repeat) -> str:
    if one.listed:
        return f"repeat {one.kind} {one.name} " + " ".join(f'"{value}"' for value in one.values)
    if one.kind == "day":
        return f"repeat day {one.values[0]}"
    return f"repeat {one.kind} {one.name} " + " ".join(one.values)


_writes(Variable, lambda one: f"edit {one.name} '{_escaped(one.value)}'")
_writes(Label, lambda one: f'label {one.name} "{_escaped(one.default)}"')
_writes(Meter, _meter)
_writes(Event, _event)
_writes(Limit, lambda one: f"limit {one.name} {one.max}")
_writes(InLimit, lambda one: f"inlimit {one.text}")
_writes(Timed, lambda one: f"{one.kind} {one.value}")
_writes(Late, lambda one: f"late {one.value}")
_writes(Repeat, _repeat)
_writes(Queue, lambda one: " ".join(["queue", one.name, *one.steps]))
_writes(Generic, lambda one: " ".join(["generic", one.name, *one.values]))
_writes(Zombie, lambda one: f"zombie {one.type}:{one.action}:{one.child_commands}:{one.lifetime}")
_writes(AutoCancel, lambda one: f"autocancel {one.value}")
_writes(AutoArchive, lambda one: f"autoarchive {one.value}" + (" -i" if one.idle else ""))
_writes(AutoRestore, lambda one: "autorestore " + " ".join(one.paths))
_writes(Clock, lambda one: f"clock {one.value}")
_writes(Remote, lambda one: f"{one.kind} {one.value}")
