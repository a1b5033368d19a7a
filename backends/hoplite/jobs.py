"""Jobs of the Hoplite API on the job engine."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from opsgate.backends.errors import Conflict, Denied, Invalid, NotFound
from opsgate.backends.hoplite import adapter, documents, record
from opsgate.backends.hoplite.plugins import GROUP, Plugins
from opsgate.backends.hoplite.port import JsonObject, NewJob, Piece, Selection
from opsgate.backends.hoplite.webhooks import Webhooks
from opsgate.backends.hoplite.written import Written
from opsgate.backends.jobs import model, pieces
from opsgate.backends.jobs.engine import Engine, OpenEngine
from opsgate.backends.jobs.model import Job, Limits, Plugin, Query, Spec
from opsgate.backends.jobs.states import State

API: Final = "hoplite"
READ_ONLY: Final = ("uuid", "name", "plugin_name", "config", "running", "finished", "killed")
"""Members of a job that nobody can update."""
_AT_ONCE: Final = 500  # jobs read from the store before others get their turn
_UNAUTHORIZED: Final = "You are not authorized to perform this action"


@dataclass(frozen=True, slots=True)
class Options:
    """How jobs are run.

    Attributes:
        address: Where jobs on other machines reach this API: `host:port`, with its path behind it if it has one.
        interpreter: The Python for plugins.
        max_document: The most bytes that a config or a status may have as JSON.
        grace: Seconds between SIGTERM and SIGKILL.
        executor: Where jobs run, by the name that the job engine knows it by.
    """

    address: str
    interpreter: str
    max_document: int = 16 * 1024 * 1024
    grace: float = 5.0
    executor: str = "local"


class Jobs:
    """Creates, starts, watches and ends jobs."""

    def __init__(self, engine: OpenEngine, plugins: Plugins, webhooks: Webhooks, options: Options) -> None:
        """Take what jobs are run on, what they can run, whom to tell of their end, and how to run them."""
        self._engine = engine
        self._plugins = plugins
        self._webhooks = webhooks
        self._options = options
        self._written = Written()

    async def create(self, new: NewJob, key: str | None = None) -> JsonObject:
        """See `JobsPort`."""
        documents.check("config", new.config, self._options.max_document)
        engine, digest = await self._engine(), _digest(new)
        earlier = await engine.find(API, key) if key else None
        if earlier is None:
            wanted = await self._wanted(new, key, digest)
            if new.webhook:
                await self._webhooks.owe(str(wanted.id), new.webhook)
            earlier = (await engine.create(wanted, start=new.run)).job
        if earlier.extra["digest"] != digest:
            raise Conflict(f"The Idempotency-Key {key!r} belongs to a request with another body")
        return record.describe(earlier)

    async def jobs(self, selection: Selection) -> tuple[list[JsonObject], int]:
        """See `JobsPort`."""
        query = _query(selection)
        if query is None:
            return [], 0
        engine = await self._engine()
        total = await engine.count(API, query)
        return [record.describe(job) for job in await _all(engine, query)], total

    async def job(self, job_uuid: str, wait: float = 0) -> JsonObject:
        """See `JobsPort`."""
        engine = await self._engine()
        with _named(job_uuid):
            return record.describe(await (engine.wait(API, job_uuid, wait) if wait else engine.get(API, job_uuid)))

    async def job_json(self, job_uuid: str, wait: float = 0) -> bytes:
        """See `JobsPort`."""
        engine = await self._engine()
        with _named(job_uuid):
            return self._written(await (engine.wait(API, job_uuid, wait) if wait else engine.get(API, job_uuid)))

    async def update(self, job_uuid: str, members: JsonObject) -> JsonObject:
        """See `JobsPort`."""
        engine = await self._engine()
        with _named(job_uuid):
            job = await engine.get(API, job_uuid)
            _authorize(job, members.get("api_key"))
            if refused := [name for name in READ_ONLY if name in members]:
                raise Denied(f"{refused[0]!r} of a job cannot be updated")
            if "status" not in members:
                raise Invalid("'status' is missing")
            documents.check("status", members["status"], self._options.max_document)
            return record.describe(await engine.set_status(API, job_uuid, members["status"]))

    async def start(self, job_uuid: str) -> None:
        """See `JobsPort`."""
        engine = await self._engine()
        with _named(job_uuid):
            try:
                await engine.start(API, job_uuid)
            except Conflict as error:
                details: dict[str, object] = {"uuid": job_uuid, "started": False}
                message = f"Job UUID: {job_uuid} you cannot start a job more than once"
                raise Denied(message, details=details) from error

    async def kill(self, job_uuid: str) -> None:
        """See `JobsPort`."""
        engine = await self._engine()
        with _named(job_uuid):
            try:
                await engine.kill(API, job_uuid)
            except Conflict as error:
                details: dict[str, object] = {"uuid": job_uuid, "killed": False}
                raise Denied(f"Job UUID: {job_uuid} has not been started", details=details) from error

    async def delete(self, job_uuid: str) -> None:
        """See `JobsPort`."""
        engine = await self._engine()
        with _named(job_uuid):
            try:
                await engine.delete(API, job_uuid)
            except Conflict as error:
                raise Conflict(f"Job UUID: {job_uuid} is not over, kill it first") from error

    async def output(self, job_uuid: str, piece: Piece) -> JsonObject:
        """See `JobsPort`."""
        engine = await self._engine()
        with _named(job_uuid):
            return {"uuid": job_uuid, **await pieces.read(engine, API, job_uuid, piece)}

    async def deliver(self) -> None:
        """Send finished jobs to their webhooks until this is cancelled."""
        await self._webhooks.run(self.job)

    async def _wanted(self, new: NewJob, key: str | None, digest: str) -> model.NewJob:
        """What the engine is told to create; `NotFound` for an unknown plugin."""
        if new.plugin_name not in await asyncio.to_thread(self._plugins.names):
            details: dict[str, object] = {"uuid": None, "name": new.plugin_name}
            raise NotFound(f"Job plugin '{new.plugin_name}' does not exist", details=details)
        job_uuid, api_key = str(uuid.uuid4()), str(uuid.uuid4())
        return model.NewJob(
            api=API,
            name=new.plugin_name,
            spec=self._spec(new, job_uuid, api_key),
            id=job_uuid,
            key=key,
            labels=new.labels,
            executor=self._options.executor,
            extra={"api_key": api_key, "digest": digest},
        )

    def _spec(self, new: NewJob, job_uuid: str, api_key: str) -> Spec:
        """What is run, and how."""
        return Spec(
            run=Plugin(
                group=GROUP,
                name=new.plugin_name,
                config=new.config,
                adapter=adapter.TARGET,
                context={"addr": self._options.address, "uuid": job_uuid, "api_key": api_key},
            ),
            limits=Limits(time=new.timeout, grace=self._options.grace),
            interpreter=self._options.interpreter,
            sys_path=self._plugins.path_for(new.plugin_name),
            pickle_exception=True,
        )


class _named:  # noqa: N801 - used like a function
    """Tells of a job that is not there in the document's words."""

    def __init__(self, job_uuid: str) -> None:
        self._uuid = job_uuid

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, NotFound):
            raise NotFound(f"Job with UUID: {self._uuid} does not exist") from error


def _digest(new: NewJob) -> str:
    """The same for the same request."""
    return hashlib.sha256(json.dumps(asdict(new), sort_keys=True).encode()).hexdigest()


def _authorize(job: Job, api_key: Any) -> None:
    given = api_key if isinstance(api_key, str) else ""
    if not hmac.compare_digest(given.encode(errors="replace"), str(job.extra["api_key"]).encode()):
        raise Denied(_UNAUTHORIZED)


def _query(selection: Selection) -> Query | None:
    """What the engine is asked; None for what no job can be."""
    states = [State(state) for state in dict.fromkeys(selection.states)]
    labels = dict(label.split("=", 1) for label in selection.labels)
    by_end = selection.order_by.endswith("finished_at")
    if by_end:
        states = [State.FINISHED] if State.FINISHED in states or not states else []
    if len(labels) < len(set(selection.labels)) or (by_end and not states):
        return None
    return Query(
        states=tuple(states),
        name=selection.plugin_name,
        labels=labels,
        order="ended" if by_end else "created",
        newest_first=selection.order_by.startswith("-"),
        limit=selection.limit,
        offset=selection.offset,
    )


async def _all(engine: Engine, query: Query) -> list[Job]:
    """The jobs of a query, read a piece at a time: others are answered in between."""
    found: list[Job] = []
    left = query.limit
    while left is None or left > 0:
        at_once = _AT_ONCE if left is None else min(left, _AT_ONCE)
        piece = await engine.jobs(API, _further(query, found, at_once))
        found += piece
        if len(piece) < at_once:
            break
        left = None if left is None else left - len(piece)
        await asyncio.sleep(0)
    return found


def _further(query: Query, found: list[Job], limit: int) -> Query:
    """What follows the jobs that were found; no offset in it, so that it costs the same however deep it is."""
    if not found:
        return replace(query, limit=limit)
    return replace(query, limit=limit, offset=0, after=found[-1].ended if query.order == "ended" else found[-1].seq)
