"""How an attribute is added, changed or deleted: by commands of the server, or by rewriting the node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from opsgate.backends.ecflow.commands import Command
from opsgate.backends.ecflow.expressions import Place, read
from opsgate.backends.ecflow.model import Attribute as Held
from opsgate.backends.ecflow.model import Definition, Event, Expression, Node, Timed
from opsgate.backends.ecflow.port import Attribute
from opsgate.backends.errors import Conflict, Invalid, NotFound, Unsupported

T = TypeVar("T")

Edit = Callable[[tuple[Held, ...]], tuple[Held, ...]]

EVENTS_AND_METERS_SINCE = (5, 14)
"""Versions that have commands to add them."""
REMOTES_SINCE = (5, 13)
"""Versions that have commands for avisos and mirrors; older ones would abort at the number."""


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        commands: Sent one after the other.
        undo: Sent when one behind the first command fails.
        edit: From the node's attributes to the new ones, where the node must be rewritten.
    """

    commands: Sequence[Command] = ()
    undo: Sequence[Command] = ()
    edit: Edit | None = None


@dataclass(frozen=True)
class Target:
    """The node that it is done to.

    Attributes:
        path: Where it is.
        definition: What is around it.
        lineage: From the suite down to it.
    """

    path: str
    definition: Definition
    lineage: Sequence[Node]

    @property
    def node(self) -> Node:
        """The node itself."""
        return self.lineage[-1]

    @property
    def version(self) -> tuple[int, ...]:
        """The server's version."""
        return self.definition.server.version_number

    def found(self, kind: type[T], name: str, word: str) -> T:
        """Return the attribute of that type and name, or raise `NotFound`."""
        for one in self.node.of(kind):
            if getattr(one, "key" if isinstance(one, Event) else "name") == name or _numbered(one, name):
                return one
        raise NotFound(f"{self.path} has no {word} {name}")

    def the(self, kind: type[T], word: str) -> T:
        """Return the only attribute of that type, or raise `NotFound`."""
        for one in self.node.of(kind):
            if not isinstance(one, Expression) or one.kind == word:
                return one
        raise NotFound(f"{self.path} has no {word}")

    def timed(self, kind: str, text: str) -> Timed:
        """Return the time, date, day or cron of that text, or raise `NotFound`."""
        for one in self.node.of(Timed):
            if one.kind == kind and " ".join(one.value.split()) == text:
                return one
        raise NotFound(f"{self.path} has no {kind} {text}")

    def refuse(self, look: Callable[[], object], word: str) -> None:
        """Raise `Conflict` when `look` finds what is to be added."""
        try:
            look()
        except NotFound:
            return
        raise Conflict(f"{self.path} has {word} already")

    def refuse_dangling(self, text: str, word: str) -> None:
        """Raise `Invalid` when an expression refers to what does not exist."""
        parsed = read(text)
        missing = Place(self.definition, self.lineage).missing(parsed) if parsed else ()
        if missing:
            raise Invalid(f"{word} {text!r} of {self.path}: there is no {missing[0]}")

    def needs(self, since: tuple[int, ...], word: str) -> None:
        """Raise `Unsupported` when the server is older."""
        if self.version < since:
            needed = ".".join(map(str, since))
            version = self.definition.server.version
            raise Unsupported(f"{word} needs ecflow_server {needed}; this one is {version}")


Planner = Callable[[Target, Attribute], Plan]


def sent(*commands: Command, undo: Sequence[Command] = ()) -> Plan:
    """Return the plan that sends commands."""
    return Plan(commands, undo)


def with_one(added: Held) -> Plan:
    """Return the plan that rewrites the node with one attribute more."""

    def edit(attributes: tuple[Held, ...]) -> tuple[Held, ...]:
        if any(_same(one, added) for one in attributes):
            raise Conflict(f"{_word(added)} is there already")
        return (*attributes, added)

    return Plan(edit=edit)


def with_other(old: Held, new: Held) -> Plan:
    """Return the plan that rewrites the node with one attribute in place of another."""

    def edit(attributes: tuple[Held, ...]) -> tuple[Held, ...]:
        _refuse_gone(attributes, old)
        return tuple(new if _same(one, old) else one for one in attributes)

    return Plan(edit=edit)


def without(old: Held) -> Plan:
    """Return the plan that rewrites the node with one attribute less."""

    def edit(attributes: tuple[Held, ...]) -> tuple[Held, ...]:
        _refuse_gone(attributes, old)
        return tuple(one for one in attributes if not _same(one, old))

    return Plan(edit=edit)


def given(attribute: Attribute) -> str | int | float | bool | None:
    """Return the value, or in its place the name: clients use either for kinds without names."""
    return attribute.value if attribute.value is not None else attribute.name or None


def _same(one: Held, other: Held) -> bool:
    """Tell whether two attributes are one, whatever happened to it in between."""
    if type(one) is not type(other):
        return False
    if isinstance(one, Timed) and isinstance(other, Timed):
        return (one.kind, one.value) == (other.kind, other.value)
    if isinstance(one, Expression) and isinstance(other, Expression):
        return one.kind == other.kind
    return getattr(one, "name", None) == getattr(other, "name", None)


def _refuse_gone(attributes: tuple[Held, ...], old: Held) -> None:
    if not any(_same(one, old) for one in attributes):
        raise NotFound(f"{_word(old)} is gone")


def _word(one: Held) -> str:
    kind = one.kind if isinstance(one, (Timed, Expression)) else type(one).__name__.lower()
    return f"{kind} {getattr(one, 'name', '')}".strip()


def _numbered(one: object, name: str) -> bool:
    return isinstance(one, Event) and one.number is not None and str(one.number) == name
