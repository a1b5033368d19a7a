"""What the suites of the Flux API's engines share."""

from __future__ import annotations

import asyncio
from typing import Any

from opsgate.backends.flux.port import Event, EventsPort, JobsPort, NewJob
from opsgate.backends.flux.record import Record
from opsgate.backends.flux.states import State

SECONDS = 60.0
"""No wait of these tests is longer, on however slow a machine."""
SLEEP = ("sleep", "600")


def new(*command: str, **members: Any) -> NewJob:
    """Return a job to submit."""
    return NewJob(command, **members)


def shell(script: str, **members: Any) -> NewJob:
    """Return a job that runs a shell script."""
    return NewJob(("/bin/sh", "-c", script), **members)


async def ended(jobs: JobsPort, record: Record) -> Record:
    """Wait until a job is over; return it."""
    over = await jobs.job(record.id, wait=SECONDS)
    assert over.is_inactive, over
    return over


async def run(jobs: JobsPort, wanted: NewJob) -> Record:
    """Submit a job; return it when it is over."""
    return await ended(jobs, await jobs.submit(wanted))


async def reached(jobs: JobsPort, record: Record, state: State) -> Record:
    """Wait until a job is in a state."""
    async with asyncio.timeout(SECONDS):
        while (found := await jobs.job(record.id)).state != state:
            assert not found.is_inactive, found
            await asyncio.sleep(0.01)
    return found


async def running(jobs: JobsPort, wanted: NewJob) -> Record:
    """Submit a job; return it when it runs."""
    return await reached(jobs, await jobs.submit(wanted), State.RUN)


async def printed(jobs: JobsPort, record: Record, text: str) -> str:
    """Wait until a job wrote something; return all it wrote until then."""
    found = ""
    async with asyncio.timeout(SECONDS):
        async for piece in jobs.follow(record.id):
            found += piece
            if text in found:
                break
    return found


async def happened(events: EventsPort, record: Record, after: str | None = None) -> list[Event]:
    """Return all events of a job until its last."""
    async with asyncio.timeout(SECONDS):
        return [event async for event in events.follow(after, record.id)]


def told(record: Record, *names: str) -> dict[str, Any]:
    """Return these members of a job's flat form, without those that it has not."""
    flat = record.flattened()
    return {name: flat[name] for name in names if name in flat}
