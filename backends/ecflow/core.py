"""What the ports of one server have in common."""

from __future__ import annotations

from dataclasses import dataclass

from opsgate.backends.ecflow.client import Client
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.locks import StructureLock
from opsgate.backends.ecflow.mirror import Mirror
from opsgate.backends.ecflow.model import Node
from opsgate.backends.ecflow.snapshot import Snapshot
from opsgate.backends.errors import NotFound


@dataclass(frozen=True)
class Core:
    """One server.

    Attributes:
        client: Commands to it.
        mirror: The copy of its definition.
        lock: Held while structure changes.
        limits: Of this backend.
    """

    client: Client
    mirror: Mirror
    lock: StructureLock
    limits: Limits

    async def lineage(self, path: str) -> tuple[Snapshot, list[Node]]:
        """Return the present definition, and the nodes from the suite down to the one at `path`; `NotFound`."""
        snapshot = await self.mirror.current()
        return snapshot, snapshot.lineage(checked(path))

    async def node(self, path: str) -> Node:
        """Return the node at `path` as it is now; `NotFound`."""
        _, lineage = await self.lineage(path)
        return lineage[-1]


def checked(path: str) -> str:
    """Return an absolute path without a slash at its end; `NotFound` for what can be no node's path.

    The server takes an empty path, and `/`, for all suites: neither must reach a command.
    """
    clean = "/" + path.strip("/")
    if clean == "/" or "//" in clean:
        raise NotFound(f"Path {path} not found")
    return clean
