"""Where a runner learns what to run and writes down what became of it: the store, or files beside the job."""

from __future__ import annotations

import json
import os
import time

from opsgate.backends.jobs import database, queue, recovery, transitions
from opsgate.backends.jobs.layout import SPEC, STARTED, STATUS, Layout, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Protocol, TypeVar

    T = TypeVar("T")

    class Ledger(Protocol):
        """What a runner needs to be told and to tell."""

        @property
        def note(self) -> str:
            """Return what to leave in the lock file, once the spec is loaded: see `recovery`."""

        def is_wanted(self) -> bool:
            """Tell whether the job is still to be started, as far as can be known without its lock."""

        def load(self) -> dict[str, object] | None:
            """Return the job's spec, None if this job is not to be run now."""

        def begin(self, pid: int) -> bool:
            """Record that the job runs. False if that is not wanted any more."""

        def wish(self) -> tuple[bool, float | None]:
            """Return whether somebody wants the job ended, and the grace time they gave, if any."""

        def report(self, status: str) -> bool:
            """Record what the job says of itself. False if it is no JSON object."""

        def finish(self, ending: Mapping[str, object]) -> list[str]:
            """Record how the job ended, its exit record being on disk already.

            Returns:
                The ids of jobs that may now start; it is up to the caller to start them.
            """


class StoreLedger:
    """Keeps to the store. Whatever must be recorded is tried until it is.

    Args:
        layout: The state directory.
        job_id: The job.
        keeper: The name of the keeper (`clocks.myself`), for which the jobs that are next are claimed.
    """

    def __init__(self, layout: Layout, job_id: str, keeper: str) -> None:
        self._layout = layout
        self._id = job_id
        self._keeper = keeper
        self._claim = ""
        self._store: database.Database | None = None

    @property
    def note(self) -> str:
        """The attempt to start the job, and who looks after this runner."""
        return f"{self._claim} {self._keeper}"

    def is_wanted(self) -> bool:
        """Tell whether the job waits for a runner."""
        return self._try("SELECT 1 FROM job WHERE id = ? AND state = 'starting'") is not None

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
        database.insist(self._layout, lambda: write_whole(directory, SPEC, body.encode(), durable=False))
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

    def finish(self, ending: Mapping[str, object]) -> list[str]:
        """Move the job to finished, and claim in the same change: nobody else sees its cores free in between."""

        def finish() -> list[str]:
            store = self._open()
            with store.change() as db:
                transitions.finish(db, self._id, self._claim, ending)
                return queue.claim_all(db, self._keeper)

        claimed = database.insist(self._layout, finish)
        if recovery.recover(self._open(), self._layout):
            claimed += database.insist(self._layout, lambda: queue.claim_in(self._open(), self._keeper))
        self._close()
        return claimed

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
        self.note = ""

    def is_wanted(self) -> bool:
        """Tell whether the job was not begun before."""
        return not os.path.exists(f"{self._dir}/{STARTED}")  # noqa: PTH110 - no pathlib in runners

    def load(self) -> dict[str, object] | None:
        """Return the spec, unless the job was begun before."""
        if not self.is_wanted():
            return None
        with open(f"{self._dir}/{SPEC}", "rb") as file:  # noqa: PTH123 - as above
            spec: dict[str, object] = json.load(file)
        return spec

    def begin(self, pid: int) -> bool:
        """Write that it runs, where, and since when. Of two runners that both try, one does."""
        started = {"pid": pid, "host": os.uname().nodename, "at": time.time()}
        own = f"{STARTED}.{pid}"
        write_whole(self._dir, own, json.dumps(started).encode())
        try:
            os.link(f"{self._dir}/{own}", f"{self._dir}/{STARTED}")
        except FileExistsError:
            return False
        finally:
            os.unlink(f"{self._dir}/{own}")  # noqa: PTH108 - no pathlib in runners
        return True

    def wish(self) -> tuple[bool, float | None]:
        """Nobody wishes by file."""
        return False, None

    def report(self, status: str) -> bool:
        """Write the status."""
        if not isinstance(json.loads(status), dict):
            return False
        write_whole(self._dir, STATUS, status.encode(), durable=False)
        return True

    def finish(self, _: Mapping[str, object]) -> list[str]:
        """Do nothing: the exit record says it all."""
        return []
