"""What the daemon offers over XML-RPC."""

from __future__ import annotations

from opsgate.backends.supvisors.port import SystemPort


async def list_methods(system: SystemPort, /) -> list[str]:
    """List the methods of the daemon."""
    return await system.list_methods()


async def method_help(system: SystemPort, /, name: str) -> str:
    """Read the documentation of a method."""
    return await system.method_help(name)


async def method_signature(system: SystemPort, /, name: str) -> list[str]:
    """Read the signature of a method."""
    return await system.method_signature(name)
