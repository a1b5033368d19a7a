"""Faults of the Hoplite API: the gateway, and the job engine below it."""

from __future__ import annotations

import http.client
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from opsgate.backends.jobs import locks
from tests.engines.gateway import Gateway, free_port
from tests.engines.hoplite import install
from tests.faults import harm
from tests.faults.clients import Answer, Request, Stream, UnixConnection, Written, asked, tcp
from tests.faults.scenario import Scenario
from tests.faults.site import Account

_MARK = """
    import os, time
    def run(config, status):
        fd = os.open(config['file'], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(fd, (config['key'] + '\\n').encode())
        os.close(fd)
        time.sleep(0.1)
"""
_JOB_FILES = {"lock", "spec.json", "stdout", "stderr", "work", "exit.json"}


class HopliteSite:
    """`opsgate serve` with the Hoplite API at its root; each write is a job that runs, and leaves a mark that it did.

    Attributes:
        directory: Where all of it is.
        state: The job engine's state directory.
        port: Where it listens.
        socket: Where it listens too.
    """

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        """Start it; `environment` is added to the usual one."""
        self.directory, self.state, self.port = directory, directory / "state", free_port()
        self.socket = directory / "socket"
        self._gateway: Gateway | None = None
        self._environment = {
            "OPSGATE_HOPLITE_PLUGIN_PATHS": str(directory / "site"),
            "OPSGATE_JOBS_STATE_DIR": str(self.state),
            "OPSGATE_JOBS_CORES": "4",
            "OPSGATE_SERVER_GRACEFUL_TIMEOUT": "2",
            "TMPDIR": str(directory / "tmp"),
            **(environment or {}),
        }
        self._marks = directory / "marks"
        self._marks.touch()
        (directory / "tmp").mkdir()
        (directory / "site").mkdir()
        install(directory / "site", {"mark": _MARK})
        self._reads = itertools.cycle(["/jobs?limit=5&order_by=-created_at", "/jobs/running", "/job_plugins"])
        self._jobs: set[str] = set()
        self.start()

    def start(self) -> None:
        """Start it, again perhaps."""
        addresses = [f"--bind=hoplite=127.0.0.1:{self.port}", f"--bind=hoplite=unix:{self.socket}"]
        arguments = ["serve", "--api=hoplite", "--workers=2", *addresses]
        if self._gateway is not None:
            self._gateway.stop()  # it was killed
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
        """A list of jobs or of plugins."""
        return Request("GET", next(self._reads))

    def write(self, key: str) -> Request:
        """A job that runs at once."""
        config = {"file": str(self._marks), "key": key}
        return Request("POST", "/jobs", {"name": "mark", "config": config, "run": True}, {"Idempotency-Key": key})

    def is_documented(self, answer: Answer) -> bool:
        """Whether it is an object with an error."""
        return answer.has_texts("error")

    def pids(self, kind: str) -> list[int]:
        """A "worker", the "master", or a "runner"."""
        if kind == "runner":
            found = [locks.holder(str(lock)) for lock in self.state.glob("jobs/*/*/lock")]
            return [pid for pid in found if pid]
        return [self.gateway.pid] if kind == "master" else self.gateway.workers()

    def account(self, written: Written) -> Account:
        """Wait for the end of all jobs, and compare them with the marks they left."""
        harm.wait(lambda: not self._listed("?state=queued&state=starting&state=running"))
        jobs = self._listed("")
        self._jobs.update(job["uuid"] for job in jobs)
        made, ran = Counter(job["config"]["key"] for job in jobs), Counter(self._marks.read_text().split())
        ended = {job["config"]["key"]: job["exit_code"] for job in jobs}
        ours = [*written.acknowledged, *written.unknown]
        return Account(
            lost=[key for key in written.acknowledged if key not in made or (ended[key] == 0 and not ran[key])],
            twice=[key for key in ours if made[key] > 1 or ran[key] > 1],
            interrupted=[key for key in ours if made[key] and ended[key] != 0],
        )

    def litter(self) -> set[str]:
        """Temporary files, and what of the state directory belongs to no job."""
        found = set((self.directory / "tmp").rglob("*")) | set(self.state.glob("*"))
        for job in self.state.glob("jobs/*/*"):
            found |= {path for path in job.iterdir() if path.name not in _JOB_FILES}
            if job.name not in self._jobs:
                found.add(job)
        return {str(path.relative_to(self.directory)) for path in found}

    def close(self) -> None:
        """End it."""
        self.gateway.stop()

    def _listed(self, query: str) -> list[dict[str, Any]]:
        answer = asked(self, Request("GET", f"/jobs{query}"))
        assert answer.succeeded, answer
        return list(json.loads(answer.body)["jobs"])


class SmallDisk(HopliteSite):
    """The same with its state on a small file system, which one may mount as root only."""

    def __init__(self, directory: Path) -> None:
        """Mount it, and start."""
        self._disk = ExitStack()
        (directory / "state").mkdir()
        self._disk.enter_context(harm.small_disk(directory / "state", "48m"))
        super().__init__(directory)

    def close(self) -> None:
        """End it, and unmount."""
        super().close()
        self._disk.close()


class SocketFile(HopliteSite):
    """The same with clients that come by a socket file."""

    def connect(self) -> http.client.HTTPConnection:
        """A connection to it."""
        return UnixConnection(self.socket)


class OwnClock(HopliteSite):
    """The same with a clock that can be set; that of runners and jobs is the machine's.

    Attributes:
        clock: The file that says how far it is from the machine's.
    """

    def __init__(self, directory: Path) -> None:
        """Start it."""
        self.clock = directory / "clock"
        super().__init__(directory, harm.settable_clock(self.clock))


def _store(site: HopliteSite) -> Path:
    return site.state / "jobs.db"


def _port(site: HopliteSite) -> int:
    return site.port


@contextmanager
def _disk_full(site: HopliteSite) -> Iterator[None]:
    with harm.full_disk(site.state / "filler"):
        yield


@contextmanager
def _socket_removed(site: HopliteSite) -> Iterator[None]:
    site.socket.unlink()
    yield


def _refused(stream: Stream) -> bool:
    return stream.statuses[503] > 0


SCENARIOS: tuple[Scenario[Any], ...] = (
    Scenario("a-worker-killed", "kill -9 of one gunicorn worker", harm.kill_one("worker"), HopliteSite, cuts=True),
    Scenario("all-workers-killed", "kill -9 of all gunicorn workers", harm.kill_all("worker"), HopliteSite, cuts=True),
    Scenario(
        "master-killed",
        "kill -9 of gunicorn's master; a supervisor starts it again",
        harm.kill_service,
        HopliteSite,
        reads_go_on=False,
        writes_go_on=False,
        cuts=True,
    ),
    Scenario(
        "everything-killed",
        "kill -9 of master and workers at once; a supervisor starts it again",
        harm.kill_everything,
        HopliteSite,
        reads_go_on=False,
        writes_go_on=False,
        cuts=True,
    ),
    Scenario(
        "runners-killed",
        "kill -9 of the runners of five jobs",
        harm.kill(lambda site: site.pids("runner"), at_least=5),
        HopliteSite,
        interrupts=True,
    ),
    Scenario("a-worker-stopped", "SIGSTOP of one worker", harm.stop_one("worker"), HopliteSite, writes_go_on=False),
    Scenario(
        "store-locked",
        "another process has the SQLite store locked, longer than writers wait",
        harm.hold(_store, "BEGIN EXCLUSIVE"),
        HopliteSite,
        lasts=_refused,
        writes_go_on=False,
    ),
    Scenario(
        "line-held-up",
        "a process whose turn it is to write is stopped, longer than writers wait",
        harm.hold(_store, "turn", frozen=True),
        HopliteSite,
        lasts=_refused,
        writes_go_on=False,
    ),
    Scenario(
        "slow-clients",
        "100 clients send a header byte by byte, without end",
        harm.connections(100, _port, drip=True),
        HopliteSite,
    ),
    Scenario("idle-connections", "1000 connections that ask nothing", harm.connections(1000, _port), HopliteSite),
    Scenario(
        "disk-full",
        "no room on the file system of the state directory",
        _disk_full,
        SmallDisk,
        lasts=_refused,
        writes_go_on=False,
    ),
    Scenario(
        "socket-removed",
        "the socket file by which clients come is removed",
        _socket_removed,
        SocketFile,
        cuts=True,
        reads_go_on=False,
        writes_go_on=False,
    ),
    Scenario(
        "clock-stepped", "the service's clock a day forward, two days back, and right again", harm.step_clock, OwnClock
    ),
)
