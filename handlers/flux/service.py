"""The service itself."""

from __future__ import annotations

from opsgate.handlers.flux.needs import JsonObject, ServicePort

_LINKS = {
    "jobs": "jobs",
    "search": "jobs/search",
    "events": "jobs/events",
    "nodes": "nodes",
    "docs": "docs",
    "openapi": "openapi.json",
}


async def describe(service: ServicePort, /) -> JsonObject:
    """Show the start page."""
    return {**service.describe(), "links": _LINKS}


async def stop_service(service: ServicePort, /) -> JsonObject:
    """Stop the service."""
    await service.stop()
    return {"Message": "The service is stopping."}


describe_v1 = describe
stop_service_v1 = stop_service
