"""`JobsPort` over the job engine."""

from __future__ import annotations

import asyncio
import codecs
import io
from collections.abc import AsyncIterator
from typing import Final

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.flux import checking, dependencies, ids
from opsgate.backends.flux.dependencies import Dependency
from opsgate.backends.flux.local import numbers, submitting
from opsgate.backends.flux.local.describing import describe
from opsgate.backends.flux.local.machine import Machine
from opsgate.backends.flux.local.mirror import Mirror
from opsgate.backends.flux.local.submitting import API, HELD, Options
from opsgate.backends.flux.port import NewJob, Selection
from opsgate.backends.flux.record import Page, Record
from opsgate.backends.flux.states import Result
from opsgate.backends.jobs.engine import Engine, OpenEngine
from opsgate.backends.jobs.model import Job
from opsgate.backends.jobs.states import State

_LITTLE: Final = 64 * 1024
"""Bytes of output that are made lines in the event loop."""


class LocalJobs:
    """Jobs of this machine.

    Args:
        engine: Gives the job engine.
        mirror: The table of its jobs.
        machine: What they run on.
        options: How they are run.
    """

    def __init__(self, engine: OpenEngine, mirror: Mirror, machine: Machine, options: Options) -> None:
        self._engine = engine
        self._mirror = mirror
        self._machine = machine
        self._options = options

    async def submit(self, new: NewJob) -> Record:
        """See `JobsPort`."""
        engine = await self._engine()
        wanted = submitting.wanted(new, await self._machine.cores(), self._options)
        for text in new.dependencies:
            await _check_dependency(engine, dependencies.parse(text))
        return describe((await engine.create(wanted, start=True, refuse_oversized=False)).job)

    async def jobs(self, selection: Selection) -> Page:
        """See `JobsPort`."""
        return (await self._mirror.current()).page(selection)

    async def job(self, number: int, wait: float = 0) -> Record:
        """See `JobsPort`."""
        if wait > 0:
            return describe(await self._waited_for(number, wait))
        return (await self._mirror.current()).get(number) or describe(await self._get(number))

    async def cancel(self, number: int) -> None:
        """See `JobsPort`."""
        engine = await self._engine()
        try:
            was_on_its_way = await engine.kill(API, numbers.engine_id(number), created=True)
        except NotFound as error:
            raise ids.not_cancelled_unknown() from error
        if not was_on_its_way:
            raise ids.not_cancelled_inactive()

    async def set_urgency(self, number: int, urgency: int) -> None:
        """See `JobsPort`."""
        checking.check_urgency(urgency)
        engine, job = await self._engine(), await self._get(number)
        try:
            if urgency == HELD:
                await engine.hold(API, job.id)  # before its priority changes, or it might begin in between
            await engine.set_priority(API, job.id, submitting.priority(urgency))
        except Conflict as error:
            why = "job is inactive" if job.is_finished else "urgency cannot be changed once resources are allocated"
            raise Conflict(f"Job {number}: {why}") from error
        if urgency != HELD:
            await engine.release(API, job.id)

    async def output(self, number: int) -> list[str] | None:
        """See `JobsPort`."""
        engine, job = await self._engine(), await self._get(number)
        if job.began is None:
            return None
        found = await engine.output(API, job.id, limit=self._options.max_answer)
        lines = await asyncio.to_thread(_lines, found.data) if len(found.data) > _LITTLE else _lines(found.data)
        if found.size > found.next:
            lines.append(f"\n[{found.size - found.next} bytes more: read the output as a stream]\n")
        return lines

    async def follow(self, number: int) -> AsyncIterator[str]:
        """See `JobsPort`."""
        engine, job = await self._engine(), await self._get(number)
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        async for piece in engine.follow_output(API, job.id):
            if text := decoder.decode(piece):
                yield text
        if text := decoder.decode(b"", final=True):
            yield text

    async def _get(self, number: int) -> Job:
        engine = await self._engine()
        try:
            return await engine.get(API, numbers.engine_id(number))
        except NotFound as error:
            raise ids.unknown(number) from error

    async def _waited_for(self, number: int, seconds: float) -> Job:
        engine = await self._engine()
        try:
            return await engine.wait(API, numbers.engine_id(number), seconds, (State.FINISHED,))
        except NotFound as error:
            raise ids.unknown(number) from error


def _lines(data: bytes) -> list[str]:
    return [line.decode(errors="replace") for line in io.BytesIO(data)]


async def _check_dependency(engine: Engine, dependency: Dependency) -> None:
    """Raise Invalid, in Flux's words, for what is known already never to come."""
    scheme, number = dependency
    try:
        other = describe(await engine.get(API, numbers.engine_id(number)))
    except NotFound as error:
        raise Invalid(f"dependency: {scheme}: id {number}: job not found") from error
    if not other.is_inactive:
        return
    went_well = other.result == Result.COMPLETED
    if scheme == "afterok" and not went_well:
        raise Invalid(f"dependency: {scheme}: job {ids.f58(number)} failed or was canceled")
    if scheme == "afternotok" and went_well:
        raise Invalid(f"dependency: {scheme}: job {ids.f58(number)} succeeded")
    if scheme in ("after", "afterstart") and "t_run" not in other.attributes:
        raise Invalid(f"dependency: {scheme}: {ids.f58(number)} never started")
