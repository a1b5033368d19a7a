"""Makes the definition from the server's text.

Only the lines that open and close nodes are looked at; what is between them is read when asked for. Where a node's
text is what it was before, the node itself is taken over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

from msgspec import Struct

from opsgate.backends.ecflow import reading
from opsgate.backends.ecflow.model import Definition, Kind, Node, Server, Variable, sorted_flags, whole
from opsgate.backends.errors import Broken

_FRAME = re.compile(
    r"^(?:(suite|family|task|alias) ([\w.-]+)(?: # ([^\n]*))?|(endsuite|endfamily|endtask|endalias))\s*?$", re.MULTILINE
)
_INDENT = re.compile(r"^ +", re.MULTILINE)
_LEAVES = ("task", "alias")
_CLOSES = {"endsuite": "suite", "endfamily": "family", "endtask": "task", "endalias": "alias"}
_OWN = " # server"
_DEEPEST = 200
"""Nodes within each other: what shows them goes down by recursion. Ours are not so deep; who knows about others'."""


class _Open(Struct):
    """A node whose end has not come yet."""

    kind: Kind
    name: str
    head: str
    start: int
    old: Node | None
    body: str | None = None
    children: list[Node] = []


def definition(text: str, old: Definition | None = None) -> Definition:
    """Return the definition in the text of a full sync.

    Args:
        text: What the server sent.
        old: A definition read before: nodes whose text did not change are taken over from it.

    Raises:
        Broken: The text is not a definition.
    """
    first = _FRAME.search(text)
    head = text[: first.start()] if first else text
    server, state, modify = _server(head)
    suites = _Builder(text, old.root if old else None).build() if first else ()
    for misplaced in (suite for suite in suites if suite.kind != "suite"):
        raise Broken(f"ecflow_server sent {misplaced.kind} {misplaced.name} outside of any suite")
    return Definition(server, state, modify, suites)


def node(text: str, old: Node | None = None) -> Node:
    """Return the single node in a text of its own, as the server sends it with indentation.

    Raises:
        Broken: The text is not one node.
    """
    parent = Node("family", "", reading.Text("", ""), (old,)) if old else None
    found = _Builder(_INDENT.sub("", text), parent).build()
    if len(found) != 1:
        raise Broken(f"ecflow_server sent {len(found)} nodes in place of one")
    return found[0]


class _Builder:
    def __init__(self, text: str, old: Node | None) -> None:
        self._text = text
        self._old = old
        self._top: list[Node] = []
        self._stack: list[_Open] = []

    def build(self) -> tuple[Node, ...]:
        for found in _FRAME.finditer(self._text):
            kind, name, head, end = found.groups()
            self._end_body(found.start())
            if end is None:
                self._leave(kind)
                self._enter(cast(Kind, kind), name, head or "", found.end() + 1)
            else:
                self._close(end)
        self._end_body(len(self._text))
        while self._stack:  # a task on its own has no closing line
            if self._stack[-1].kind not in _LEAVES:
                raise Broken(f"ecflow_server's definition ends within {self._stack[-1].kind} {self._stack[-1].name}")
            self._finish()
        return tuple(self._top)

    def _end_body(self, at: int) -> None:
        if self._stack and self._stack[-1].body is None:
            self._stack[-1].body = self._text[self._stack[-1].start : max(at - 1, self._stack[-1].start)]

    def _leave(self, kind: str) -> None:
        """End what a line that opens a node of this kind ends."""
        if kind == "alias":
            if self._stack and self._stack[-1].kind == "alias":
                self._finish()
            return
        while self._stack and self._stack[-1].kind in _LEAVES:
            self._finish()

    def _enter(self, kind: Kind, name: str, head: str, start: int) -> None:
        if self._stack and kind == "suite":
            raise Broken(f"ecflow_server sent suite {name} within {self._stack[-1].kind} {self._stack[-1].name}")
        if len(self._stack) >= _DEEPEST:
            raise Broken(f"ecflow_server has {kind} {name} within {_DEEPEST} others: more than can be shown")
        parent = self._stack[-1].old if self._stack else self._old
        old = parent.child(name) if parent is not None else None
        self._stack.append(_Open(kind, name, head, start, old, None, []))

    def _close(self, end: str) -> None:
        kind = _CLOSES[end]
        while self._stack and self._stack[-1].kind != kind and self._stack[-1].kind in _LEAVES:
            self._finish()
        if not self._stack or self._stack[-1].kind != kind:
            raise Broken(f"ecflow_server's definition has an {end} without its beginning")
        self._finish()

    def _finish(self) -> None:
        done = self._stack.pop()
        siblings = self._stack[-1].children if self._stack else self._top
        siblings.append(_taken_over(done) or _made(done))


def _made(done: _Open) -> Node:
    return Node(done.kind, done.name, reading.Text(done.head, done.body or ""), tuple(done.children))


def _taken_over(done: _Open) -> Node | None:
    old = done.old
    if old is None or old.kind != done.kind or not isinstance(old.source, reading.Text):
        return None
    if old.source.head != done.head or old.source.body != done.body:
        return None
    if len(old.children) == len(done.children) and all(map(_same, old.children, done.children)):
        return old
    return old.with_children(tuple(done.children))


def _same(one: Node, other: Node) -> bool:
    return one is other


def _server(head: str) -> tuple[Server, int, int]:
    lines = head.split("\n")
    state_line = next((line for line in lines if line.startswith("defs_state ")), None)
    if state_line is None:
        raise Broken("ecflow_server sent a definition without its state")
    words = dict(word.split(":", 1) for word in state_line.split() if ":" in word)
    edits = [line[len("edit ") :] for line in lines if line.startswith("edit ")]
    server = Server(
        version=lines[0].lstrip("#").strip(),
        state=words.get("server_state", "RUNNING"),
        node_state=words.get("state>", "unknown"),
        user_variables=_variables(rest for rest in edits if not rest.endswith(_OWN)),
        variables=_variables(rest for rest in edits if rest.endswith(_OWN)),
        flags=sorted_flags(words["flag"].split(",")) if words.get("flag") else (),
    )
    try:
        return server, whole(words.get("state_change", 0)), whole(words.get("modify_change", 0))
    except ValueError as error:
        raise Broken("ecflow_server sent a definition with change numbers that are none") from error


def _variables(rests: Iterable[str]) -> tuple[Variable, ...]:
    return tuple(map(reading.variable, rests))
