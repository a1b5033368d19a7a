"""What changes in the definition, as it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from opsgate.backends.ecflow.port import Event, EventsPort


async def follow_events(events: EventsPort, /, last_event_id: str | None = None) -> AsyncIterator[Event]:
    """Follow what changes."""
    return events.subscribe(last_event_id or None)
