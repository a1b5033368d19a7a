"""The methods of supervisord's namespace `system`."""
# ruff: noqa: D102 - the methods are described at the port

from __future__ import annotations

from opsgate.backends.supvisors.client import Client


class System:
    """`SystemPort` over XML-RPC."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list_methods(self) -> list[str]:
        return await self._client.read(list, "system.listMethods")

    async def method_help(self, name: str) -> str:
        return await self._client.read(str, "system.methodHelp", name)

    async def method_signature(self, name: str) -> list[str]:
        return await self._client.read(list, "system.methodSignature", name)
