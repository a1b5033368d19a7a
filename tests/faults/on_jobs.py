"""What sites have in common whose work is done by the job engine: each write leaves a mark when it is done."""

from __future__ import annotations

import http.client
import itertools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from opsgate.backends.jobs import locks
from tests.engines.gateway import Gateway, free_port
from tests.faults import harm
from tests.faults.clients import Answer, Request, Stream, Written, tcp
from tests.faults.scenario import Scenario
from tests.faults.site import Account

J = TypeVar("J", bound="OnJobs")
_JOB_FILES = {"lock", "spec.json", "stdout", "stderr", "work", "exit.json"}


class OnJobs(ABC):
    """A gateway, and the job engine below it.

    Attributes:
        directory: Where all of it is.
        jobs: The job engine's state directory.
        port: Where it listens.
        marks: The file in which each job that has run leaves a line.
        known: The ids of all jobs that `account` has seen.
        small_disk: Whether its state is on a small file system, which only root may mount.
        arguments: What `opsgate` is started with.
        reads: Paths to read.
    """

    arguments: Sequence[str]
    reads: Sequence[str]
    small_disk = False

    def __init__(self, directory: Path, jobs: Path, environment: Mapping[str, str] | None = None) -> None:
        """Start it; `environment` is added to the usual one."""
        self.directory, self.jobs, self.port = directory, jobs, free_port()
        self.marks = directory / "marks"
        self.marks.touch()
        self.known: set[str] = set()
        self._mounts = ExitStack()
        if self.small_disk:
            (directory / "state").mkdir()
            self._mounts.enter_context(harm.small_disk(directory / "state", "48m"))
        (directory / "tmp").mkdir()
        self._gateway: Gateway | None = None
        self._paths = itertools.cycle(self.reads)
        self._environment = {
            "OPSGATE_JOBS_STATE_DIR": str(jobs),
            "OPSGATE_JOBS_CORES": "4",
            "OPSGATE_SERVER_GRACEFUL_TIMEOUT": "2",
            "TMPDIR": str(directory / "tmp"),
            **(environment or {}),
        }
        self.start()

    @abstractmethod
    def write(self, key: str) -> Request:
        """A request for something that runs at once, and marks its key."""

    @abstractmethod
    def is_documented(self, answer: Answer) -> bool:
        """Whether a failure is as the document shows it."""

    @abstractmethod
    def account(self, written: Written) -> Account:
        """See `tests.faults.site.Site`."""

    def start(self) -> None:
        """Start it, again perhaps."""
        if self._gateway is not None:
            self._gateway.stop()  # it was killed
        arguments = [text.format(port=self.port, directory=self.directory) for text in self.arguments]
        self._gateway = Gateway(arguments, self.port, self.directory / "log", self._environment)

    @property
    def store(self) -> Path:
        """The SQLite file that its API writes."""
        return self.jobs / "jobs.db"

    @property
    def gateway(self) -> Gateway:
        """The running service."""
        assert self._gateway is not None
        return self._gateway

    def connect(self) -> http.client.HTTPConnection:
        """A connection to it."""
        return tcp(self.port)

    def read(self) -> Request:
        """One of its reads."""
        return Request("GET", next(self._paths))

    def pids(self, kind: str) -> list[int]:
        """A "worker", the "master", or a "runner"."""
        if kind == "runner":
            found = [locks.holder(str(lock)) for lock in self.jobs.glob("jobs/*/*/lock")]
            return [pid for pid in found if pid]
        return [self.gateway.pid] if kind == "master" else self.gateway.workers()

    def mark(self, key: str) -> list[str]:
        """The command that leaves a mark, and takes a moment."""
        return ["/bin/sh", "-c", 'printf "%s\\n" "$0" >>"$1"; sleep 0.1', key, str(self.marks)]

    def compared(
        self, written: Written, *, begun: Counter[str], known: Container[str], done: Container[str]
    ) -> Account:
        """Hold what was written against what became of it, and against the marks that were left; all is by key.

        Args:
            written: What the stream wrote.
            begun: How often each is said to have begun.
            known: What there is.
            done: What is said to have come to a good end.
        """
        ran = Counter(self.marks.read_text().split())
        ours = [*written.acknowledged, *written.unknown]
        return Account(
            lost=[key for key in written.acknowledged if key not in known or (key in done and not ran[key])],
            twice=[key for key in ours if begun[key] > 1 or ran[key] > 1],
            interrupted=[key for key in ours if key in known and key not in done],
        )

    def litter(self) -> set[str]:
        """Temporary files, and what of the engine's directory belongs to no job."""
        found = set((self.directory / "tmp").rglob("*")) | set(self.jobs.glob("*"))
        for job in self.jobs.glob("jobs/*/*"):
            found |= {path for path in job.iterdir() if path.name not in _JOB_FILES}
            if job.name not in self.known:
                found.add(job)
        return {str(path.relative_to(self.directory)) for path in found}

    def close(self) -> None:
        """End it."""
        self.gateway.stop()
        self._mounts.close()


def of_jobs(
    opens: Callable[[Path], J], on_small_disk: Callable[[Path], J], *, runs: str = "jobs", rarely: Collection[str] = ()
) -> tuple[Scenario[J], ...]:
    """What can happen to the work, and to where it is kept.

    Args:
        opens: Starts a site.
        on_small_disk: Starts one with a small disk.
        runs: What the API calls what runs.
        rarely: Names of those that only the long run has.
    """
    every = (
        Scenario(
            "runners-killed",
            f"kill -9 of the runners of five {runs}",
            harm.kill(lambda site: site.pids("runner"), at_least=5),
            opens,
            interrupts=True,
        ),
        Scenario(
            "store-locked",
            "another process has the SQLite store locked, longer than writers wait",
            harm.hold(store_of, "BEGIN EXCLUSIVE"),
            opens,
            lasts=refused,
            writes_go_on=False,
        ),
        Scenario(
            "disk-full",
            "no room on the file system of the state directory",
            _disk_full,
            on_small_disk,
            lasts=refused,
            writes_go_on=False,
            needs_root=True,
        ),
    )
    return tuple(replace(one, long=one.name in rarely) for one in every)


def store_of(site: OnJobs) -> Path:
    """The SQLite file that its API writes."""
    return site.store


@contextmanager
def _disk_full(site: OnJobs) -> Iterator[None]:
    with harm.full_disk(site.directory / "state" / "filler"):
        yield


def refused(stream: Stream) -> bool:
    """Whether a request was answered that it cannot be served now."""
    return stream.statuses[503] > 0
