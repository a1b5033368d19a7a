"""One state of the definition, and what was made from it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from opsgate.backends.ecflow.model import Definition, Node
from opsgate.backends.ecflow.port import Change, Document, NodeStatus
from opsgate.backends.errors import NotFound
from opsgate.backends.exact import exact

_STATUSES = 256
"""Statuses that are kept; each may have a thousand lines."""


class Snapshot:
    """The definition at one moment; it does not change.

    Args:
        start: When the server was started, in its words.
        definition: What it knew.
        documents_bytes: How much finished JSON is kept.
    """

    def __init__(self, start: str, definition: Definition, documents_bytes: int) -> None:
        self.definition = definition
        self.change = Change(start, definition.state, definition.modify)
        self._limit = documents_bytes
        self._size = 0
        self._documents: OrderedDict[Hashable, Document] = OrderedDict()
        self._statuses: dict[str, NodeStatus] = {}

    def lineage(self, path: str) -> list[Node]:
        """Return the nodes from the suite down to the one at `path`, or raise `NotFound`."""
        lineage = self.definition.lineage(path)
        if lineage is None:
            raise NotFound(f"Path {path} not found")
        return lineage

    def node(self, path: str) -> Node:
        """Return the node at `path`, or raise `NotFound`."""
        return self.lineage(path)[-1]

    def has(self, key: Hashable) -> bool:
        """Tell whether a document is made already."""
        return key in self._documents

    def document(self, key: Hashable, make: Callable[[], bytes]) -> Document:
        """Return the JSON that `make` makes, made once for each key while there is room."""
        found = self._documents.get(key)
        if found is not None:
            self._documents.move_to_end(key)
            return found
        made = Document(exact(make()), self.change)
        self._documents[key] = made
        self._size += len(made.body)
        while self._size > self._limit and len(self._documents) > 1:
            _, dropped = self._documents.popitem(last=False)
            self._size -= len(dropped.body)
        return made

    def status(self, path: str, make: Callable[[], NodeStatus]) -> NodeStatus:
        """Return the status that `make` makes, made once for each path while there is room."""
        found = self._statuses.get(path)
        if found is None:
            if len(self._statuses) == _STATUSES:
                self._statuses.clear()
            found = self._statuses[path] = make()
        return found
