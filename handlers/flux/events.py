"""What happens to jobs, as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator

from opsgate.backends.flux import ids
from opsgate.backends.flux.port import Event, EventsPort


async def follow_events(
    events: EventsPort, /, uid: str | None = None, last_event_id: str | None = None
) -> AsyncIterator[Event]:
    """Follow what happens to jobs."""
    return events.follow(last_event_id or None, ids.parse(uid) if uid else None)


follow_events_v1 = follow_events
