"""From a method and a path to an operation, at a cost that does not depend on how many operations there are.

A path without parameters is one look-up in a dictionary, others go down the tree of `opsgate.compiled.templates`. The
rare templates that are no sequence of whole segments (``{name}.json``), or have two parameters of any length, are
regular expressions, tried one by one. Where several templates fit, the first of the spec wins, as with Connexion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic

from starlette.exceptions import HTTPException

from opsgate.compiled.templates import SLASH, Node, Route, Template, Values


class Table(Generic[Route]):
    """All operations, by path and method."""

    def __init__(self) -> None:
        """Make an empty one."""
        self._templates: dict[str, Template[Route]] = {}
        self._literal: dict[str, Template[Route]] = {}
        self._root: Node[Route] = Node()
        self._irregular: list[Template[Route]] = []

    def add(self, method: str, path: str, kinds: Mapping[str, str], route: Route) -> None:
        """Add an operation; a GET answers HEAD as well, unless the path has one of its own.

        Args:
            method: Upper-case method.
            path: Path template of the spec, below its base path.
            kinds: The types of its parameters by name: ``integer``, ``number``, ``path`` for ``format: path``; others
                all are texts without a slash.
            route: What `find` is to return.
        """
        if path not in self._templates:
            self._templates[path] = template = Template[Route](len(self._templates), path, kinds)
            if not template.names:
                self._literal[path] = template
            elif template.is_regular:
                self._root.add(template)
            else:
                self._irregular.append(template)
        methods = self._templates[path].methods
        methods[method] = route
        if method == "GET":
            methods.setdefault("HEAD", route)

    def find(self, method: str, path: str) -> tuple[Route, Values] | None:
        """What was added for a method and a path, and the texts of the path's parameters; ``None`` for an unknown path.

        Raises:
            HTTPException: 405 with ``Allow``, when the path is known but not with this method.
        """
        literal = self._literal.get(path)
        if literal is not None and method in literal.methods:
            return literal.methods[method], ()
        segments = path.split("/")
        found: list[Template[Route]] = []
        self._root.collect(segments, 0, found)
        is_single = len(found) == 1 and literal is None and not self._irregular and SLASH not in path
        if is_single and method in found[0].methods:
            return found[0].methods[method], found[0].cut(segments)
        return self._choose(method, literal, self._candidates(path, segments, found))

    def _candidates(
        self, path: str, segments: list[str], found: list[Template[Route]]
    ) -> list[tuple[Template[Route], Values]]:
        """All templates that fit a path, in the order of the spec."""
        candidates: list[tuple[Template[Route], Values]] = [(template, template.cut(segments)) for template in found]
        matched = ((template, template.match(path)) for template in self._irregular)
        candidates += [(template, values) for template, values in matched if values is not None]
        if SLASH in path:
            accepted = ((template, template.accept(values)) for template, values in candidates)
            candidates = [(template, values) for template, values in accepted if values is not None]
        return sorted(candidates, key=lambda candidate: candidate[0].order)

    @staticmethod
    def _choose(
        method: str,
        literal: Template[Route] | None,
        candidates: list[tuple[Template[Route], Values]],
    ) -> tuple[Route, Values] | None:
        """The first that has the method, and whose numbers look like some where there is another."""
        if literal is not None or len(candidates) > 1:
            fitting = [(template, values) for template, values in candidates if template.fits(values)]
            candidates = fitting if fitting or literal is not None else candidates
        for template, values in candidates:
            if method in template.methods:
                return template.methods[method], values
        known = [template for template, _ in candidates] + ([literal] if literal is not None else [])
        if not known:
            return None
        raise HTTPException(405, headers={"Allow": ", ".join(sorted({name for t in known for name in t.methods}))})
