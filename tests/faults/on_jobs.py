"""What sites have in common whose work is done by the job engine: each write leaves a mark when it is done."""

from __future__ import annotations

import http.client
import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from opsgate.backends.jobs import locks
from tests.engines.gateway import Gateway, free_port
from tests.faults import harm
from tests.faults.clients import Answer, Request, Stream, Written, tcp
from tests.faults.scenario import Fault
from tests.faults.site import Account

_JOB_FILES = {"lock", "spec.json", "stdout", "stderr", "work", "exit.json"}


class OnJobs(ABC):
    """A gateway, and the job engine below it.

    Attributes:
        directory: Where all of it is.
        jobs: The job engine's state directory.
        port: Where it listens.
        marks: The file in which each job that has run leaves a line.
        known: The ids of all jobs that `account` has seen.
        arguments: What `opsgate` is started with.
        reads: Paths to read.
    """

    arguments: Sequence[str]
    reads: Sequence[str]

    def __init__(self, directory: Path, jobs: Path, environment: Mapping[str, str] | None = None) -> None:
        """Start it; `environment` is added to the usual one."""
        self.directory, self.jobs, self.port = directory, jobs, free_port()
        self.marks = directory / "marks"
        self.marks.touch()
        self.known: set[str] = set()
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


class SmallDisk:
    """A file system for one directory, which one may mount as root only; to be unmounted when nobody uses it."""

    def __init__(self, directory: Path) -> None:
        """Mount it."""
        directory.mkdir()
        self._stack = ExitStack()
        self._stack.enter_context(harm.small_disk(directory, "48m"))

    def close(self) -> None:
        """Unmount it."""
        self._stack.close()


def disk_full(where: Callable[[OnJobs], Path]) -> Fault[OnJobs]:
    """No room in a directory."""

    @contextmanager
    def fault(site: OnJobs) -> Iterator[None]:
        with harm.full_disk(where(site) / "filler"):
            yield

    return fault


def refused(stream: Stream) -> bool:
    """Whether a request was answered that it cannot be served now."""
    return stream.statuses[503] > 0
