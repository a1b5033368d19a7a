"""A Flux engine that runs nothing: jobs are what a test says they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, Final

from opsgate.backends.errors import Conflict, EngineError, Invalid
from opsgate.backends.flux import checking, ids
from opsgate.backends.flux.port import EngineName, Event, NewJob, Resources, Selection
from opsgate.backends.flux.record import Page, Record
from opsgate.backends.flux.states import Result, State
from opsgate.backends.flux.table import Table
from opsgate.flux.access import Access
from opsgate.flux.service import FluxService
from opsgate.handlers.flux.needs import Rules

FIRST: Final = 804568170496
BEGAN: Final = 1795318643.25


def waiting(number: int = FIRST, **more: Any) -> dict[str, Any]:
    """The attributes of a job that was submitted."""
    return {
        "id": number,
        "userid": 0,
        "urgency": 16,
        "priority": 16,
        "t_submit": BEGAN,
        "t_depend": BEGAN,
        "t_priority": BEGAN,
        "t_sched": BEGAN,
        "state": int(State.SCHED),
        "name": "echo",
        "ntasks": 1,
        "ncores": 1,
        "duration": 0.0,
        **more,
    }


def running(number: int = FIRST, **more: Any) -> dict[str, Any]:
    """The attributes of a job that runs."""
    allocated = {"nnodes": 1, "ranks": "0", "nodelist": "vm", "expiration": 0.0, "annotations": {}}
    return waiting(number, **allocated, **{"t_run": BEGAN, "state": int(State.RUN), **more})


def finished(number: int = FIRST, **more: Any) -> dict[str, Any]:
    """The attributes of a job that completed."""
    ended = {"t_cleanup": BEGAN + 1, "t_inactive": BEGAN + 1, "waitstatus": 0, "result": int(Result.COMPLETED)}
    outcome = {"success": True, "exception_occurred": False, "state": int(State.INACTIVE)}
    return running(number, **{**ended, **outcome, **more})


class Jobs:
    """See `JobsPort`."""

    def __init__(self, engine: FluxDouble) -> None:
        self._engine = engine

    async def submit(self, new: NewJob) -> Record:
        self._engine.check()
        checking.check(new)
        self._engine.submitted.append(new)
        number = FIRST + len(self._engine.submitted)
        return self._engine.put(waiting(number, name=new.name or new.command[0], urgency=new.urgency))

    async def jobs(self, selection: Selection) -> Page:
        self._engine.check()
        self._engine.selections.append(selection)
        return self._engine.table.page(selection)

    async def job(self, number: int, wait: float = 0) -> Record:
        self._engine.check()
        self._engine.waited.append(wait)
        record = self._engine.table.get(number)
        if record is None:
            raise ids.unknown(number)
        return record

    async def cancel(self, number: int) -> None:
        self._engine.check()
        record = self._engine.table.get(number)
        if record is None:
            raise ids.not_cancelled_unknown()
        if record.is_inactive:
            raise ids.not_cancelled_inactive()
        self._engine.cancelled.append(number)

    async def set_urgency(self, number: int, urgency: int) -> None:
        record = await self.job(number)
        if not record.is_pending:
            raise Conflict(f"The urgency of job {number} cannot be changed: job is inactive")
        self._engine.put({**record.attributes, "urgency": urgency})

    async def output(self, number: int) -> list[str] | None:
        await self.job(number)
        return self._engine.outputs.get(number)

    async def follow(self, number: int) -> AsyncIterator[str]:
        await self.job(number)
        for line in self._engine.outputs.get(number) or ():
            yield line


class Events:
    """See `EventsPort`."""

    def __init__(self, engine: FluxDouble) -> None:
        self._engine = engine

    async def follow(self, after: str | None = None, job: int | None = None) -> AsyncIterator[Event]:
        self._engine.check()
        if after is not None and not after.isdigit() and self._engine.reads_event_ids:
            raise Invalid(f"Last-Event-ID: {after!r} is no id of an event")
        seen = int(after) if after and self._engine.reads_event_ids else 0
        for event in self._engine.happened:
            if int(event.id) > seen and job in (None, event.job):
                yield event


class Nodes:
    """See `NodesPort`."""

    def __init__(self, engine: FluxDouble) -> None:
        self._engine = engine

    async def nodes(self) -> list[str]:
        self._engine.check()
        return ["vm"]

    async def resources(self) -> Resources:
        return self._engine.resources


class Service:
    """See `ServicePort`."""

    stopped = 0

    async def stop(self) -> None:
        self.stopped += 1


class FluxDouble:
    """See `FluxBackend`.

    Attributes:
        table: Its jobs.
        failure: What every call raises, if anything.
        submitted: What was submitted.
        selections: Which lists were asked for.
        waited: How long it was to be waited for jobs.
        cancelled: Whose end was asked for.
        outputs: What jobs wrote.
        happened: The events that it tells.
        reads_event_ids: Whether it cares from which event on.
        resources: What there is.
    """

    engine: EngineName = "local"

    def __init__(self) -> None:
        self.jobs, self.events, self.nodes, self.service = Jobs(self), Events(self), Nodes(self), Service()
        self._changes = 0
        self.clear()

    def clear(self) -> None:
        """Be as at the beginning."""
        self.table = Table("double")
        self.failure: EngineError | None = None
        self.submitted: list[NewJob] = []
        self.selections: list[Selection] = []
        self.waited: list[float] = []
        self.cancelled: list[int] = []
        self.outputs: dict[int, list[str]] = {}
        self.happened: list[Event] = []
        self.reads_event_ids = True
        self.resources = Resources(nodes=1, cores=2)

    def put(self, attributes: Mapping[str, Any]) -> Record:
        """Have a job."""
        record = Record({name: value for name, value in attributes.items() if name != "f58"})
        self.table.put(record)
        self._changes += 1
        self.table.mark(self._changes)
        return record

    def check(self) -> None:
        """Fail if it is to."""
        if self.failure is not None:
            raise self.failure

    async def aopen(self) -> None: ...

    async def ready(self) -> dict[str, Any]:
        return {"engine": "double"}

    async def aclose(self) -> None: ...


def service(engine: FluxDouble, *, rules: Rules | None = None, auth: bool = False, **user: str) -> FluxService:
    """The backend of the API over the double; `user` is another `user`, `token` or `secret_key`."""
    who = {"user": "fluxuser", "token": "12345", "secret_key": "k" * 32, **user}
    access = Access(who["user"], who["token"], who["secret_key"])
    return FluxService(engine, access, auth=auth, rules=rules or Rules())


def many(count: int) -> Resources:
    """So many nodes."""
    return replace(Resources(nodes=1, cores=8), nodes=count)
