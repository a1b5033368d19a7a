"""`JobsPort` over Flux: lists and jobs from the mirror, changes by the broker, output from where Flux keeps it."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, Final

from opsgate.backends.errors import Conflict, Invalid, NotFound, Timeout
from opsgate.backends.flux import checking, ids
from opsgate.backends.flux.broker import jobspec
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.broker.mirror import Mirror
from opsgate.backends.flux.broker.output import Output
from opsgate.backends.flux.port import NewJob, Selection
from opsgate.backends.flux.record import Page, Record
from opsgate.backends.flux.states import State

_LARGEST: Final = 2**63 - 1
"""Flux takes no larger number for a job's."""
_INACTIVE: Final = "inactive"
_NOT_CANCELLED: Final = "Job cannot be cancelled"


class BrokerJobs:
    """Jobs of an instance.

    Args:
        connection: Leads to it.
        mirror: What is known of it.
    """

    def __init__(self, connection: Connection, mirror: Mirror) -> None:
        self._connection = connection
        self._mirror = mirror
        self._output = Output(connection)

    async def submit(self, new: NewJob) -> Record:
        """See `JobsPort`."""
        spec = jobspec.text(new)
        await self._be_current()
        number = await self._connection.ask(
            "job-ingest.submit",
            lambda handle, known: known.submit(handle, spec, new.urgency),
            lambda pending: int(pending.get_id()),
            doing="The job cannot be submitted",
            again=False,
        )
        await self._mirror.until(number, lambda: self._is_there(number, new))
        return await self._get(number)

    async def jobs(self, selection: Selection) -> Page:
        """See `JobsPort`."""
        return (await self._mirror.current()).page(selection)

    async def job(self, number: int, wait: float = 0) -> Record:
        """See `JobsPort`."""
        await self._be_current()
        record = await self._get(number)
        if wait > 0 and not record.is_inactive:
            with suppress(Timeout):
                await self._mirror.until(number, lambda: self._is_over(number), wait)
            return await self._get(number)
        return record

    async def cancel(self, number: int) -> None:
        """See `JobsPort`."""
        if number > _LARGEST:
            raise ids.not_cancelled_unknown()
        await self._be_current()
        try:
            await self._connection.ask(
                "job-manager.raise",
                lambda handle, known: known.cancel(handle, number),
                lambda pending: pending.get(),
                doing=_NOT_CANCELLED,
                again=False,
            )
        except NotFound as error:  # Flux's number for both; but a job that is over is there
            raise (
                ids.not_cancelled_inactive() if _INACTIVE in error.message else ids.not_cancelled_unknown()
            ) from error
        await self._mirror.until(number, lambda: self._ends(number))

    async def set_urgency(self, number: int, urgency: int) -> None:
        """See `JobsPort`."""
        checking.check_urgency(urgency)
        await self._be_current()
        before = await self._get(number)
        payload = {"id": number, "urgency": urgency}
        try:
            await self._connection.ask(
                "job-manager.urgency",
                lambda handle, _: handle.rpc("job-manager.urgency", payload, 0),
                lambda pending: pending.get(),
                doing=f"The urgency of job {number} cannot be changed",
            )
        except Invalid as error:  # the urgency itself is none of Flux's reasons
            raise Conflict(error.message, code=error.code) from error
        if before.attributes.get("urgency") != urgency:
            await self._mirror.until(number, lambda: self._has_urgency(number, urgency))

    async def output(self, number: int) -> list[str] | None:
        """See `JobsPort`."""
        await self._be_current()
        record = await self._get(number)
        return await self._output.lines(number) if "t_run" in record.attributes else None

    async def follow(self, number: int) -> AsyncGenerator[str, None]:
        """See `JobsPort`."""
        await self._be_current()
        record = await self._get(number)
        while record.is_pending:
            await self._mirror.changed(number)
            record = await self._get(number)
        if record.is_inactive:
            yield await self._output.whole(number)
            return
        async with aclosing(self._output.follow(number)) as pieces:
            async for piece in pieces:
                yield piece

    async def aclose(self) -> None:
        """Let go of streams."""
        await self._output.aclose()

    async def _be_current(self) -> None:
        if not self._mirror.is_current:
            await self._mirror.catch_up()

    async def _get(self, number: int) -> Record:
        """A job from the table; or from Flux, if another worker submitted it just now, or it is over for long."""
        known = self._mirror.table.get(number)
        if known is not None:
            return known
        if number > _LARGEST:
            raise ids.unknown(number)
        try:
            return Record(await self._look_up(number))
        except NotFound as error:
            raise ids.unknown(number) from error

    async def _look_up(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = await self._connection.ask(
            "job-list.list-id",
            lambda handle, _: handle.rpc("job-list.list-id", {"id": number, "attrs": ["all"]}),
            lambda pending: pending.get()["job"],
            doing=f"Job {number} cannot be read",
        )
        if found.get("userid") != os.getuid():
            raise ids.unknown(number)
        return found

    def _is_there(self, number: int, new: NewJob) -> bool:
        """Whether all that was submitted shows."""
        record = self._mirror.table.get(number)
        if record is None or not new.dependencies:
            return record is not None
        return record.state != State.DEPEND or "dependencies" in record.attributes

    def _is_over(self, number: int) -> bool:
        record = self._mirror.table.get(number)
        return record is None or record.is_inactive

    def _ends(self, number: int) -> bool:
        record = self._mirror.table.get(number)
        return record is None or record.state >= State.CLEANUP

    def _has_urgency(self, number: int, urgency: int) -> bool:
        record = self._mirror.table.get(number)
        return record is None or record.is_inactive or record.attributes.get("urgency") == urgency
