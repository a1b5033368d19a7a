"""The machines on which jobs run."""

from __future__ import annotations

from opsgate.backends.flux.port import NodesPort
from opsgate.handlers.flux.needs import JsonObject


async def list_nodes(nodes: NodesPort, /) -> JsonObject:
    """List the nodes."""
    return {"nodes": await nodes.nodes()}


list_nodes_v1 = list_nodes
