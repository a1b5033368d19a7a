"""Definition texts as callers submit them: taken apart far enough to know what is in them, and to be safe to send.

What goes to the server is one statement a line, without comments, `extern` lines (it dies of them), lines of nothing
but `;` (likewise) and what would have it read the text as its own checkpoint, errors and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from opsgate.backends.ecflow import grammar, values
from opsgate.backends.errors import Invalid

HEADER = "#5.9.2\ndefs_state NET cal_count:0\n"
"""Makes the server accept what refers to nowhere, and overlook errors of syntax: only for text that it has read."""

_NAME = re.compile(r"[\w.-]+\Z", re.ASCII)
_OPENING = ("suite", "family", "task")
_CLOSING = {"endsuite": "suite", "endfamily": "family", "endtask": "task"}
_DROPPED = ("extern", "defs_state", "history")
_INSIDE = {"suite": ("family", "task"), "family": ("family", "task"), "task": ()}
_EXPRESSIONS = ("trigger", "complete")
_JOINING = ("-a", "-o")
_DAYS_AFTER = ("autocancel", "autoarchive")
_IDLE = " -i"
_DEEPEST = 100
"""Nodes within each other: everybody who reads them goes down by recursion."""
_QUOTED = re.compile(r"^([\"'])(.*)\1$")


class Submitted(Struct, frozen=True):
    """A text.

    Attributes:
        text: What may be sent.
        top: Its topmost nodes: kind and name.
    """

    text: str
    top: tuple[tuple[str, str], ...]


def read(definition: str) -> Submitted:
    """Return a definition that may be sent.

    Raises:
        Invalid: Its nodes do not fit into each other, an expression cannot be read, or there is nothing in it.
    """
    if "\0" in definition:
        raise Invalid("the definition holds a NUL character")
    nesting = _Nesting()
    lines = [
        _checked(nesting, statement, number)
        for number, line in enumerate(definition.splitlines(), start=1)
        for statement in _statements(line)
    ]
    if not nesting.top:
        raise Invalid("the definition holds no suite, family or task")
    nesting.end()
    return Submitted("".join(f"{line}\n" for line in lines), tuple(nesting.top))


class _Nesting:
    """Which nodes are open."""

    def __init__(self) -> None:
        self.top: list[tuple[str, str]] = []
        self._open: list[tuple[str, str]] = []

    def enter(self, kind: str, name: str) -> None:
        if self._open and self._open[-1][0] == "task" and kind != "suite":
            self._open.pop()  # a task needs no endtask
        if self._open and kind not in _INSIDE[self._open[-1][0]]:
            raise Invalid(f"{kind} {name} cannot be within {self._open[-1][0]} {self._open[-1][1]}")
        if len(self._open) >= _DEEPEST:
            raise Invalid(f"{kind} {name} of the definition is within more than {_DEEPEST - 1} others")
        if not self._open:
            self.top.append((kind, name))
        self._open.append((kind, name))

    def leave(self, kind: str) -> None:
        if kind != "task" and self._open and self._open[-1][0] == "task":
            self._open.pop()
        if not self._open or self._open[-1][0] != kind:
            raise Invalid(f"end{kind} closes no {kind}")
        self._open.pop()

    def end(self) -> None:
        left = [f"{kind} {name}" for kind, name in self._open if kind != "task"]
        if left:
            raise Invalid(f"the definition ends within {left[-1]}")


def _statements(line: str) -> Iterator[str]:
    """Yield the statements of a line as the server would take it apart."""
    words = line.split()
    if not words or words[0].startswith("#"):
        return
    parts = [line]
    if ";" in line and words[0] != "label":
        split = [part for part in line.partition("#")[0].split(";") if part.strip()]
        # A value may hold a semicolon: the server takes the line for one variable unless each part is one.
        if "edit" not in (split or [""])[0] or all(part.strip().startswith("edit") for part in split):
            parts = split
    for part in parts:
        statement = part.strip()
        if statement and not statement.startswith("#") and statement.split()[0] not in _DROPPED:
            yield statement


def _checked(nesting: _Nesting, statement: str, line: int) -> str:
    """Return a statement as it is sent: lines that open and close nodes without what may follow there."""
    word, *rest = statement.split()
    if word in _OPENING:
        if not rest or not _NAME.match(rest[0]):
            raise Invalid(f"{word} without a proper name in line {line} of the definition")
        nesting.enter(word, rest[0])
        return f"{word} {rest[0]}"
    if word in _CLOSING:
        nesting.leave(_CLOSING[word])
        return word
    if word in _EXPRESSIONS:
        _check_expression(rest, statement, line)
    if word in _DAYS_AFTER:
        _check_days(rest, statement, line)
    if word == "repeat" and rest[:1] == ["datelist"]:
        _check_dates(rest[2:], statement, line)
    return statement


def _check_dates(words: list[str], statement: str, line: int) -> None:
    """Refuse a list with what is no date: the server would not survive reading it."""
    for word in " ".join(words).partition("#")[0].split():
        if not values.is_date(_QUOTED.sub(r"\2", word)):
            raise Invalid(f"{statement!r} in line {line} of the definition: {word} is no date")


def _check_days(words: list[str], statement: str, line: int) -> None:
    """Refuse numbers of days that as hours are more than the server can hold: it asserts that they are not."""
    text = " ".join(words).partition("#")[0].strip()
    try:
        values.after(text.removesuffix(_IDLE), "time after completion")
    except Invalid as error:
        raise Invalid(f"{statement!r} in line {line} of the definition: {error.message}") from error


def _check_expression(words: list[str], statement: str, line: int) -> None:
    text = " ".join(words[1:] if words and words[0] in _JOINING else words).partition("#")[0]
    try:
        grammar.parse(text)
    except grammar.ParseError as error:
        raise Invalid(f"{statement!r} in line {line} of the definition {error}") from error
