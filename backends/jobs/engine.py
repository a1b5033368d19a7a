"""The job engine as the APIs see it. docs/jobs.md explains how it works; each process opens its own, after forking."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, Self

from opsgate.backends.errors import Conflict, EngineError, Invalid, Unavailable, Unsupported
from opsgate.backends.jobs import (
    awaiting,
    clocks,
    database,
    elsewhere,
    environment,
    housekeeping,
    output,
    queue,
    recovery,
    runners,
    schema,
    store,
    transitions,
)
from opsgate.backends.jobs.executor import LocalExecutor
from opsgate.backends.jobs.launcher import Launcher
from opsgate.backends.jobs.layout import Layout
from opsgate.backends.jobs.model import Changed, Created, Event, Job, NewJob, Output, Query, json_text
from opsgate.backends.jobs.output import Stream
from opsgate.backends.jobs.recent import Recent
from opsgate.backends.jobs.settings import Settings, prepare
from opsgate.backends.jobs.states import Cause, State
from opsgate.backends.jobs.watch import Watch
from opsgate.backends.jobs.writer import Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from opsgate.backends.calls import Calls

_log = logging.getLogger(__name__)
_PIECE = 64 * 1024
_SECONDS_BETWEEN_COLLECTING = 1.0
_ANY_STATE = tuple(State)


class Engine:
    """Creates, starts, watches and ends jobs. Use `Engine.open`; belongs to the event loop it is opened in.

    All methods that change something return once the change is on disk. They raise `Unavailable` when the store cannot
    be written or read, `NotFound` for a job that the API does not have.
    """

    def __init__(self, settings: Settings, layout: Layout, calls: Calls | None = None) -> None:
        self._settings = settings
        self._layout = layout
        self._environment = environment.base(also=settings.hand_on)
        self._store = database.Database(layout, busy=1.0, query_only=True)
        self._reader = self._store.connection
        self._recent = Recent(self._reader)
        self._watch = Watch(layout, self._reader)
        self._writer = Writer(layout, calls=calls)
        local = LocalExecutor(self._environment, settings.interpreter)
        self._poke = asyncio.Event()
        executors = {queue.LOCAL: local, **settings.executors}
        self._launcher = Launcher(layout, self._reader, self._writer, executors, self._poke.set)
        self._collector = elsewhere.Collector(layout, self._reader, self._writer, self._launcher)
        self._closing = False
        self._tending = asyncio.get_running_loop().create_task(self._tend())

    @classmethod
    async def open(cls, settings: Settings, calls: Calls | None = None) -> Self:
        """Open the state directory, made if need be; what was left half done is looked after from now on.

        Args:
            settings: How.
            calls: Counts the changes of the store.

        Raises:
            Unavailable: It cannot be written.
            Unsupported: It belongs to a newer version of this program.
        """
        layout = Layout(str(settings.root))
        try:
            await asyncio.to_thread(prepare, layout, settings)
            return cls(settings, layout, calls)
        except schema.NewerSchemaError as error:
            raise Unsupported(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            raise Unavailable(f"The job store in {layout.root} cannot be opened: {error}") from error

    async def close(self) -> None:
        """Finish what is under way in this process. Jobs are not touched."""
        self._closing = True
        self._poke.set()
        await self._tending
        await self._launcher.close()
        await self._writer.close()
        self._watch.close()
        self._store.close()

    async def create(self, new: NewJob, *, start: bool = False, refuse_oversized: bool = True) -> Created:
        """Create a job.

        Args:
            new: The job.
            start: Whether to start it in the same change.
            refuse_oversized: Whether a job that asks for more cores than its queue has is an error; otherwise it is
                accepted, and finished as soon as it is started.

        Raises:
            Invalid: There can be no such job.
            Conflict: There is one with this id.
        """
        new.check()
        self._launcher.executor(new.executor)
        spec_json = self._spec_json(new)

        def insert(db: sqlite3.Connection) -> tuple[str, bool, list[str]]:
            earlier = None if new.key is None else store.find(db, new.api, new.key)
            if earlier is not None:
                return earlier.id, False, []
            if refuse_oversized:
                _refuse_oversized(db, new)
            job_id = store.insert(db, *self._numbered(db, new, spec_json))
            return job_id, True, self._start(db, job_id, new.queue or new.api) if start else []

        try:
            job_id, is_new, claimed = await self._writer.do(insert)
        except sqlite3.IntegrityError as error:
            raise Conflict(f"There is a job {new.id} already") from error
        self._launcher.launch(claimed)
        return Created(self._get(new.api, job_id), is_new)

    async def start(self, api: str, job_id: str) -> Job:
        """Start a job, or put it in its queue. Of any number of attempts, by any processes, one succeeds.

        Raises:
            Conflict: It was started before.
        """

        def start(db: sqlite3.Connection) -> list[str]:
            job = store.get(db, api, job_id)
            if job.state != State.CREATED:
                raise Conflict(f"Job {job_id} was started before")
            return self._start(db, job_id, job.queue)

        self._launcher.launch(await self._writer.do(start))
        return self._get(api, job_id)

    async def hold(self, api: str, job_id: str) -> None:
        """Keep a job that waits, in its queue or for other jobs, from starting until it is released.

        Raises:
            Conflict: It does not wait, or was not asked to start.
        """

        def hold(db: sqlite3.Connection) -> list[str]:
            job = store.get(db, api, job_id)
            waits = job.state == State.CREATED and awaiting.holds_back(db, job_id)
            if not waits and not transitions.hold(db, job_id):
                raise Conflict(f"Job {job_id} does not wait for its start: it is {job.state}")
            awaiting.hold(db, job.seq)
            return queue.claim_next(db, job.queue, clocks.myself(), self._launcher.names)

        self._launcher.launch(await self._writer.do(hold))

    async def release(self, api: str, job_id: str) -> bool:
        """Let a job that is held go to its queue, as soon as it waits for no other job.

        Returns:
            False if it was not held.
        """

        def release(db: sqlite3.Connection) -> tuple[bool, list[str]]:
            job = store.get(db, api, job_id)
            was_held = awaiting.release(db, job.seq)
            return was_held, queue.claim_next(db, job.queue, clocks.myself(), self._launcher.names)

        was_held, claimed = await self._writer.do(release)
        self._launcher.launch(claimed)
        return was_held

    async def kill(self, api: str, job_id: str, *, grace: float | None = None, created: bool = False) -> bool:
        """End a job: SIGTERM to all its processes, SIGKILL after a grace time. Does not wait for that.

        Args:
            api: Whose it is.
            job_id: The job.
            grace: Seconds until SIGKILL, if not what its spec says. Asking again with fewer hastens it.
            created: Whether a job that was never started may be ended too.

        Returns:
            False if it was over before; nothing changed then.

        Raises:
            Conflict: It was not started.
        """

        def ask(db: sqlite3.Connection) -> tuple[str, list[str]]:
            job = store.get(db, api, job_id)
            if job.state == State.CREATED and not created:
                raise Conflict(f"Job {job_id} has not been started")
            if job.state in (State.CREATED, State.QUEUED):
                transitions.cancel_waiting(db, job_id, {"cause": Cause.CANCELLED})
                return job.state, queue.claim_next(db, job.queue, clocks.myself(), self._launcher.names)
            transitions.ask_to_end(db, job_id, grace)
            return job.state, []

        state, claimed = await self._writer.do(ask)
        self._launcher.launch(claimed)
        if state in (State.STARTING, State.RUNNING):
            self._launcher.tell(job_id)
        return state != State.FINISHED

    async def get(self, api: str, job_id: str) -> Job:
        """Return a job. One whose runner turns out to be gone is recorded as lost first."""
        job = self._get(api, job_id)
        if job.is_running and job.executor == queue.LOCAL and not self._is_alive(job_id):
            await asyncio.to_thread(self._recover, job_id)
            self._poke.set()
            job = self._get(api, job_id)
        return job

    async def find(self, api: str, key: str) -> Job | None:
        """Return the job that was created with this idempotency key."""
        with _reading():
            return store.find(self._reader, api, key)

    async def jobs(self, api: str, query: Query | None = None) -> list[Job]:
        """Return the jobs a query is for, all of them in the order of creation without one."""
        with _reading():
            return store.find_all(self._reader, api, query or Query())

    async def count(self, api: str, query: Query | None = None) -> int:
        """Return how many jobs a query is for, without its limit, offset and after."""
        with _reading():
            return store.count(self._reader, api, query or Query())

    async def wait(
        self, api: str, job_id: str, seconds: float | None = None, states: Iterable[State] = (State.FINISHED,)
    ) -> Job:
        """Wait until a job is in one of these states, or over, or the time is.

        Returns:
            The job as it is then.

        Raises:
            NotFound: Also when it is deleted meanwhile.
        """
        wanted = {*states, State.FINISHED}
        with self._watch.job(job_id) as changed, suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    changed.clear()
                    job = await self.get(api, job_id)
                    if job.state in wanted:
                        return job
                    await changed.wait()
        return await self.get(api, job_id)

    async def last_change(self) -> int:
        """Return a number that is the same as long as no job of any API has changed."""
        with _reading():
            return store.last_change(self._reader)

    async def first_change(self) -> int:
        """Return the oldest number of the journal that is still there."""
        with _reading():
            return store.first_change(self._reader)

    async def changed(self, api: str, after: int, most: int = 1000) -> Changed | None:
        """Return the jobs that changed after a number of the journal, as they are now.

        Returns:
            None if it is not known any more which, or if they are more than `most`: look at all of them.
        """
        with _reading():
            return store.changed(self._reader, api, after, most)

    async def events(self, api: str, after: int, limit: int = 1000, job_id: str | None = None) -> list[Event]:
        """Return what changed after a number of the journal, oldest first. The last 100000 changes are there.

        Args:
            api: Whose jobs.
            after: The number.
            limit: How many at most.
            job_id: Of this job alone; the more there is behind the number, the longer it takes, up to some 10 ms.
        """
        with _reading():
            return store.events(self._reader, api, after, limit, job_id)

    async def follow_events(
        self, api: str, after: int | None = None, job_id: str | None = None
    ) -> AsyncIterator[Event]:
        """Return what changed after a number of the journal, or from now on, and go on with what changes.

        Args:
            api: Whose jobs.
            after: The number.
            job_id: Of this job alone.
        """
        last = await self.last_change() if after is None else after
        with self._watch.any() if job_id is None else self._watch.job(job_id) as changed:
            while True:
                changed.clear()
                found = await self.events(api, last, job_id=job_id)
                for event in found:
                    yield event
                    last = event.change
                if not found:
                    await changed.wait()

    async def set_status(
        self, api: str, job_id: str, status: Mapping[str, Any], states: Iterable[State] = _ANY_STATE
    ) -> Job:
        """Replace the status of a job.

        Raises:
            Conflict: It is not in one of these states.
            Invalid: The status cannot be told in JSON.
        """
        text = json_text(status, "a status")
        if not await self._writer.do(lambda db: store.set_status(db, api, job_id, text, states)):
            job = self._get(api, job_id)
            raise Conflict(f"Job {job_id} is {job.state}")
        return self._get(api, job_id)

    async def set_extra(self, api: str, job_id: str, extra: Mapping[str, Any]) -> Job:
        """Replace what the API keeps with a job."""
        await self._writer.do(lambda db: store.set_extra(db, api, job_id, extra))
        return self._get(api, job_id)

    async def set_priority(self, api: str, job_id: str, priority: int) -> Job:
        """Change the priority of a job that waits.

        Raises:
            Conflict: It does not wait any more.
        """
        if not await self._writer.do(lambda db: store.set_priority(db, api, job_id, priority)):
            job = self._get(api, job_id)
            raise Conflict(f"Job {job_id} is {job.state}")
        return self._get(api, job_id)

    async def output(
        self, api: str, job_id: str, stream: Stream = "stdout", *, offset: int = 0, limit: int = 1024 * 1024
    ) -> Output:
        """Return a piece of what a job wrote.

        Args:
            api: Whose it is.
            job_id: The job.
            stream: 'stdout' or 'stderr'; all of it is in 'stdout' where the spec merged them.
            offset: Where to start; from the end where negative.
            limit: Bytes at most.
        """
        job = await self.get(api, job_id)
        with _reading():
            if limit <= _PIECE:
                return output.read(self._layout, job, stream, offset, limit)
            return await asyncio.to_thread(output.read, self._layout, job, stream, offset, limit)

    async def last_lines(
        self, api: str, job_id: str, stream: Stream = "stdout", *, lines: int, limit: int = 1024 * 1024
    ) -> Output:
        """Return the last lines a job wrote, as far as they fit into the limit; otherwise as `output`."""
        job = await self.get(api, job_id)
        with _reading():
            return await asyncio.to_thread(output.read_last_lines, self._layout, job, stream, lines, limit)

    async def follow_output(
        self, api: str, job_id: str, stream: Stream = "stdout", *, offset: int = 0
    ) -> AsyncIterator[bytes]:
        """Return what a job wrote, and go on with what it writes until it is over."""
        path = output.path(self._layout, job_id, stream)
        with self._watch.job(job_id) as changed:
            await self._until_started(api, job_id, changed)
            with suppress(FileNotFoundError), self._watch.file(path, changed):
                while True:
                    changed.clear()
                    piece = await self.output(api, job_id, stream, offset=offset, limit=_PIECE)
                    if piece.data:
                        yield piece.data
                    offset = piece.next
                    if piece.complete:
                        return
                    if not piece.data:
                        await changed.wait()

    async def delete(self, api: str, job_id: str) -> None:
        """Remove a job that is finished, or was never started, and all it wrote.

        Raises:
            Conflict: It is on its way.
        """
        if not await self._writer.do(lambda db: store.delete(db, api, job_id)):
            job = self._get(api, job_id)
            raise Conflict(f"Job {job_id} is {job.state}")
        self._poke.set()

    async def usage(self, name: str) -> tuple[int, int]:
        """Return how many cores the jobs of a queue use, and how many they may use: 0 for any number."""
        with _reading():
            return queue.used(self._reader, name), queue.limit(self._reader, name)

    def identity(self) -> int:
        """Return a number that another store does not have, be it in the same place: its numbers begin anew."""
        with _reading():
            return schema.identity(self._reader)

    def directory(self, job_id: str) -> str:
        """Return the directory of a job, whether it exists or not."""
        return self._layout.job(job_id)

    def _get(self, api: str, job_id: str) -> Job:
        with _reading():
            return self._recent.get(api, job_id)

    def _is_alive(self, job_id: str) -> bool:
        with _reading():
            return runners.is_alive(self.directory(job_id))

    def _spec_json(self, new: NewJob) -> str:
        own = environment.compose(self._environment, new.spec.environment)
        return new.spec.to_json(own, self._settings.interpreter)

    def _numbered(self, db: sqlite3.Connection, new: NewJob, spec_json: str) -> tuple[NewJob, str]:
        if new.numbered is None:
            return new, spec_json
        job_id, variables = new.numbered(store.next_seq(db))
        spec = replace(new.spec, environment={**new.spec.environment, **variables})
        named = replace(new, id=job_id, spec=spec)
        return named, self._spec_json(named)

    def _start(self, db: sqlite3.Connection, job_id: str, name: str) -> list[str]:
        if not awaiting.holds_back(db, job_id):
            transitions.start(db, job_id)
        return queue.claim_next(db, name, clocks.myself(), self._launcher.names)

    def _recover(self, job_id: str) -> None:
        opened = database.Database(self._layout)
        try:
            recovery.recover_one(opened, self._layout, job_id)
        finally:
            opened.close()

    async def _until_started(self, api: str, job_id: str, changed: asyncio.Event) -> None:
        while True:
            changed.clear()
            job = await self.get(api, job_id)
            if job.state in (State.RUNNING, State.FINISHED):
                return
            await changed.wait()

    async def _tend(self) -> None:
        while not self._closing:
            self._poke.clear()
            seconds = self._settings.seconds_between_tidying
            try:
                if await self._collector.collect():
                    seconds = min(seconds, _SECONDS_BETWEEN_COLLECTING)
                keep, names = self._settings.keep, self._launcher.names
                self._launcher.launch(await asyncio.to_thread(housekeeping.tidy, self._layout, keep, names))
            except (EngineError, sqlite3.Error, OSError) as error:
                _log.warning("The job store could not be looked after: %s", error)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._poke.wait(), seconds)


class OpenEngine(Protocol):
    """A process' engine, which several APIs may share: opened when one of them first needs it."""

    @property
    def calls(self) -> Sequence[Calls]:
        """Counts the changes of its store, and what its executors ask others."""

    async def __call__(self) -> Engine:
        """Return it; `Unavailable`, `Unsupported`."""

    async def aclose(self) -> None:
        """Close it."""


class _reading:  # noqa: N801 - used like a function
    """Tells failures of the store by their meaning."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, sqlite3.Error | OSError):
            raise Unavailable(f"The job store cannot be read: {error}", retry_after=1) from error


def _refuse_oversized(db: sqlite3.Connection, new: NewJob) -> None:
    cores = queue.limit(db, new.queue or new.api)
    if cores and new.cores > cores:
        raise Invalid(f"The job asks for {new.cores} cores, its queue has {cores}")
