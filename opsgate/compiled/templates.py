"""Path templates, and the tree that tells which of them fit a path.

The tree has a level per segment. Where a ``format: path`` parameter begins, which takes any number of segments, the
rest of the template is compared from the end of the path by a tree of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, TypeVar

from opsgate.compiled.parameters import INTEGER, NUMBER

Route = TypeVar("Route")
Values = Sequence[str]
"""The texts of a template's parameters, in the order of `parameter_names`."""

SLASH: Final = "\udc2f"
"""An encoded slash in a path to look up: part of a segment, not a border between two. No URL decodes to this."""

_PARAMETER: Final = re.compile(r"\{([^}]*)\}")
_TYPED: Final[Mapping[str, re.Pattern[str]]] = {"integer": INTEGER, "number": NUMBER}


def parameter_names(path: str) -> list[str]:
    """The parameters of a path template, in the order in which they stand there."""
    return _PARAMETER.findall(path)


class Template(Generic[Route]):
    """One path of a spec, with what answers each method."""

    def __init__(self, order: int, path: str, kinds: Mapping[str, str]) -> None:
        self.order = order
        self.methods: dict[str, Route] = {}
        self.segments = path.split("/")
        self.names = parameter_names(path)
        self._kinds = [kinds.get(name, "string") for name in self.names]
        self._typed = [(at, _TYPED[kind]) for at, kind in enumerate(self._kinds) if kind in _TYPED]
        holding = [at for at, segment in enumerate(self.segments) if "{" in segment]
        self.is_regular = (
            all(_PARAMETER.fullmatch(self.segments[at]) for at in holding) and self._kinds.count("path") <= 1
        )
        self.long = holding[self._kinds.index("path")] if self.is_regular and "path" in self._kinds else None
        self._positions = [at if self.long is None or at <= self.long else at - len(self.segments) for at in holding]
        self._pattern = re.compile(_expression(path, self._kinds))

    def cut(self, segments: list[str]) -> Values:
        """The parameters' texts, from the segments of a path that this template fits."""
        if self.long is None:
            return [segments[at] for at in self._positions]
        rest = len(segments) - len(self.segments) + self.long + 1
        return ["/".join(segments[at:rest]) if at == self.long else segments[at] for at in self._positions]

    def match(self, path: str) -> Values | None:
        """The same from the path, for a template that is no sequence of whole segments."""
        found = self._pattern.fullmatch(path)
        return found.groups() if found else None

    def accept(self, values: Values) -> Values | None:
        """Give back encoded slashes to a ``format: path`` parameter; ``None`` if another holds one."""
        if any(SLASH in value for value, kind in zip(values, self._kinds, strict=True) if kind != "path"):
            return None
        return [value.replace(SLASH, "/") for value in values]

    def fits(self, values: Values) -> bool:
        """Whether integers and numbers look like some."""
        return all(pattern.fullmatch(values[at]) for at, pattern in self._typed)


def _expression(path: str, kinds: list[str]) -> str:
    """The regular expression of a path template."""
    literals = [re.escape(part) for part in _PARAMETER.split(path)[::2]]
    groups = [r"([\s\S]+)" if kind == "path" else "([^/]+)" for kind in kinds]
    return "".join(part for pair in zip(literals, [*groups, ""], strict=True) for part in pair)


class Node(Generic[Route]):
    """A place in the tree.

    Attributes:
        templates: Those that end here.
        literal: The next places by the text of a segment.
        parameter: The next place for any other segment.
        tail: Where a parameter of any length begins here: the tree of what follows it, from the end.
    """

    __slots__ = ("literal", "parameter", "tail", "templates")

    def __init__(self) -> None:
        self.templates: list[Template[Route]] = []
        self.literal: dict[str, Node[Route]] = {}
        self.parameter: Node[Route] | None = None
        self.tail: Node[Route] | None = None

    def add(self, template: Template[Route]) -> None:
        """Put a template into the tree of which this is the root."""
        if template.long is None:
            node = self._grow(template.segments)
        else:
            begin = self._grow(template.segments[: template.long])
            begin.tail = begin.tail or Node()
            node = begin.tail._grow(reversed(template.segments[template.long + 1 :]))
        node.templates.append(template)

    def _grow(self, segments: Iterable[str]) -> Node[Route]:
        node = self
        for segment in segments:
            if "{" in segment:
                node.parameter = node.parameter or Node()
                node = node.parameter
            else:
                node = node.literal.setdefault(segment, Node())
        return node

    def collect(self, segments: list[str], at: int, found: list[Template[Route]]) -> None:
        """Add the templates to `found` that fit the path whose segments from `at` on are still to be compared."""
        node: Node[Route] | None = self
        while node is not None and at < len(segments):
            if node.tail is not None:
                node.tail._collect_back(segments, at, len(segments), found)
            segment = segments[at]
            at += 1
            literal, node = node.literal.get(segment), node.parameter if segment else None
            if node is None:
                node = literal
            elif literal is not None:
                literal.collect(segments, at, found)
        if node is not None:
            found += node.templates

    def _collect_back(self, segments: list[str], begin: int, end: int, found: list[Template[Route]]) -> None:
        """The same for a tail: what is left between `begin` and `end` is the long parameter's, and may not be empty."""
        if end - begin < 1 or segments[begin:end] == [""]:
            return
        found += self.templates
        segment = segments[end - 1]
        if (node := self.literal.get(segment)) is not None:
            node._collect_back(segments, begin, end - 1, found)
        if self.parameter is not None and segment:
            self.parameter._collect_back(segments, begin, end - 1, found)
