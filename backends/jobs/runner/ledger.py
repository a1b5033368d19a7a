"""Where a runner learns what to run and writes down what became of it: the store, or files beside the job."""

from __future__ import annotations

import json
import os
import time

from opsgate.backends.jobs import database, transitions
from opsgate.backends.jobs.layout import SPEC, STARTED, STATUS, Layout, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol, TypeVar

    T = TypeVar("T")

    class Ledger(Protocol):
        """What a runner needs to be told and to tell."""

        def load(self) -> dict[str, object] | None:
            """Return the job's spec, None if this job is not to be run now."""

        def begin(self, pid: int) -> bool:
            """Record that the job runs. False if that is not wanted any more."""

        def wish(self) -> tuple[bool, float | None]:
            """Return whether somebody wants the job ended, and the grace time they gave, if any."""

        def report(self, status: str) -> bool:
            """Record what the job says of itself. False if it is no JSON object."""

        def finish(self, ending: Mapping[str, object]) -> None:
            """Record how the job ended; its exit record is on disk already."""


class StoreLedger:
    """Keeps to the store. Whatever must be recorded is tried until it is.

    Args:
        layout: The state directory.
        job_id: The job.
    """

    def __init__(self, layout: Layout, job_id: str) -> None:
        self._layout = layout
        self._id = job_id
        self._claim = ""
        self._store: database.Database | None = None

    def load(self) -> dict[str, object] | None:
        """Return the spec if the job is claimed for starting; under its lock, so the claim can only be given back."""
        row = self._try(
            """
            SELECT job.claim, spec.body FROM job JOIN spec USING (seq)
            WHERE job.id = ? AND job.state = 'starting' AND job.executor = 'local'
            """
        )
        if row is None:
            return None
        self._claim, body = str(row[0]), str(row[1])
        directory = self._layout.job(self._id)
        database.insist(self._layout, lambda: write_whole(directory, SPEC, [body.encode()]))
        spec: dict[str, object] = json.loads(body)
        return spec

    def begin(self, pid: int) -> bool:
        """Move the job to running."""
        return self._change(lambda db: transitions.begin(db, self._id, self._claim, pid))

    def wish(self) -> tuple[bool, float | None]:
        """Read the job's row."""
        row = self._try("SELECT killed, kill_grace FROM job WHERE id = ?")
        return (False, None) if row is None else (bool(row[0]), row[1])  # type: ignore[return-value]  # REAL or NULL

    def report(self, status: str) -> bool:
        """Replace the job's status. Not flushed to the disk: a power cut ends the job as well."""
        return self._change(lambda db: transitions.report(db, self._id, self._claim, status), durable=False)

    def finish(self, ending: Mapping[str, object]) -> None:
        """Move the job to finished."""
        self._change(lambda db: transitions.finish(db, self._id, self._claim, ending))
        self._close()

    def _try(self, query: str) -> tuple[object, ...] | None:
        def read() -> tuple[object, ...] | None:
            row: tuple[object, ...] | None = self._open().connection.execute(query, (self._id,)).fetchone()
            return row

        return database.insist(self._layout, read)

    def _change(self, transition: Callable[..., bool], *, durable: bool = True) -> bool:
        def write() -> bool:
            with self._open().change(durable=durable) as db:
                return transition(db)

        return database.insist(self._layout, write)

    def _open(self) -> database.Database:
        if self._store is None:
            self._store = database.Database(self._layout)
        return self._store

    def _close(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None


class FileLedger:
    """Keeps to files in the job's directory, for the service to collect; whoever started the runner signals it.

    Args:
        job_dir: The job's directory, with its spec in it.
    """

    def __init__(self, job_dir: str) -> None:
        self._dir = job_dir

    def load(self) -> dict[str, object] | None:
        """Return the spec, unless the job was begun before."""
        if os.path.exists(f"{self._dir}/{STARTED}"):  # noqa: PTH110 - no pathlib in runners
            return None
        with open(f"{self._dir}/{SPEC}", "rb") as file:  # noqa: PTH123 - as above
            spec: dict[str, object] = json.load(file)
        return spec

    def begin(self, pid: int) -> bool:
        """Write that it runs, where, and since when."""
        started = {"pid": pid, "host": os.uname().nodename, "at": time.time()}
        write_whole(self._dir, STARTED, [json.dumps(started).encode()])
        return True

    def wish(self) -> tuple[bool, float | None]:
        """Nobody wishes by file."""
        return False, None

    def report(self, status: str) -> bool:
        """Write the status."""
        if not isinstance(json.loads(status), dict):
            return False
        write_whole(self._dir, STATUS, [status.encode()])
        return True

    def finish(self, ending: Mapping[str, object]) -> None:
        """The exit record says it all."""
