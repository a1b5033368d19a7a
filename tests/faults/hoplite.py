"""Faults of the Hoplite API: the gateway, and the job engine below it."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.engines.hoplite import install
from tests.faults import harm
from tests.faults.clients import Answer, Request, UnixConnection, Written, asked
from tests.faults.gateway import of_gateway
from tests.faults.on_jobs import OnJobs, of_jobs, refused, store_of
from tests.faults.scenario import Scenario, Strike
from tests.faults.site import Account

_MARK = """
    import os, time
    def run(config, status):
        fd = os.open(config['file'], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(fd, (config['key'] + '\\n').encode())
        os.close(fd)
        time.sleep(0.05)
"""


class HopliteSite(OnJobs):
    """`opsgate serve` with the Hoplite API at its root, on a port and a socket file; each write is a job that runs.

    Attributes:
        socket: The socket file.
    """

    arguments: Sequence[str] = (
        "serve",
        "--api=hoplite",
        "--workers=2",
        "--bind=hoplite=127.0.0.1:{port}",
        "--bind=hoplite=unix:{directory}/socket",
    )
    reads = ("/jobs?limit=5&order_by=-created_at", "/jobs/running", "/job_plugins")

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None, jobs: Path | None = None) -> None:
        """Start it; `environment` is added to the usual one, and `jobs` is where jobs are kept."""
        self.socket, plugins = directory / "socket", directory / "plugins"
        plugins.mkdir()
        install(plugins, {"mark": _MARK})
        found = {"OPSGATE_HOPLITE_PLUGIN_PATHS": str(plugins), **(environment or {})}
        super().__init__(directory, jobs or directory / "state", found)

    def write(self, key: str) -> Request:
        """A job that runs at once."""
        config = {"file": str(self.marks), "key": key}
        return Request("POST", "/jobs", {"name": "mark", "config": config, "run": True}, {"Idempotency-Key": key})

    def is_documented(self, answer: Answer) -> bool:
        """Whether it is an object with an error."""
        return answer.has_texts("error")

    def account(self, written: Written) -> Account:
        """Wait for the end of all jobs, and compare them with the marks they left."""
        harm.wait(lambda: not self._listed("?state=queued&state=starting&state=running"))
        jobs = self._listed("")
        self.known |= {job["uuid"] for job in jobs}
        made = Counter(job["config"]["key"] for job in jobs)
        return self.compared(
            written, begun=made, known=made, done={job["config"]["key"] for job in jobs if job["exit_code"] == 0}
        )

    def _listed(self, query: str) -> list[dict[str, Any]]:
        answer = asked(self, Request("GET", f"/jobs{query}"))
        assert answer.succeeded, answer
        return list(json.loads(answer.body)["jobs"])


class HopliteOnSmallDisk(HopliteSite):
    """The same with its state on a small file system."""

    small_disk = True


class BySocketFile(HopliteSite):
    """The same with clients that come by the socket file, and a clock that can be set; jobs have the machine's.

    Attributes:
        clock: The file that says how far it is from the machine's.
    """

    def __init__(self, directory: Path) -> None:
        """Start it."""
        self.clock = directory / "clock"
        super().__init__(directory, harm.settable_clock(self.clock))

    def connect(self) -> http.client.HTTPConnection:
        """A connection to it."""
        return UnixConnection(self.socket)


class BelowUp(HopliteSite):
    """`opsgate up` with the Hoplite API."""

    arguments = ("up", "--api=hoplite", "--state-dir={directory}/u", "--bind=hoplite=127.0.0.1:{port}")

    def __init__(self, directory: Path) -> None:
        """Start it."""
        super().__init__(directory, {"OPSGATE_SERVER_WORKERS": "2"}, directory / "u" / "jobs")

    def pids(self, kind: str) -> list[int]:
        """The "supervisord" besides, which is not gunicorn's master."""
        if kind == "supervisord":
            return [self.gateway.pid]
        if kind == "runner":
            return super().pids(kind)
        started = self.gateway.workers()  # by supervisord
        masters = [pid for pid in started if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return masters if kind == "master" else [pid for master in masters for pid in harm.children(master)]


def _port(site: HopliteSite) -> int:
    return site.port


SCENARIOS: tuple[Scenario[Any], ...] = (
    *of_gateway(HopliteSite),
    *of_jobs(HopliteSite, HopliteOnSmallDisk),
    Scenario(
        "line-held-up",
        "a process whose turn it is to write is stopped, longer than writers wait",
        harm.hold(store_of, "turn", frozen=True),
        HopliteSite,
        lasts=refused,
        writes_go_on=False,
        long=True,
    ),
    Scenario(
        "slow-clients",
        "100 clients send a header byte by byte, without end",
        harm.connections(100, _port, drip=True),
        HopliteSite,
    ),
    Scenario("idle-connections", "1000 connections that ask nothing", harm.connections(1000, _port), HopliteSite),
    Scenario(
        "socket-removed",
        "the socket file by which clients come is removed",
        Strike(lambda site: site.socket.unlink()),
        BySocketFile,
        cuts=True,
        reads_go_on=False,
        writes_go_on=False,
    ),
    Scenario(
        "clock-stepped",
        "the service's clock a day forward, two days back, and right again",
        harm.step_clock,
        BySocketFile,
    ),
    Scenario(
        "master-killed-below-up",
        "kill -9 of gunicorn's master below `opsgate up`",
        Strike(harm.kill_master),
        BelowUp,
        reads_go_on=False,
        writes_go_on=False,
        cuts=True,
        long=True,
    ),
    Scenario(
        "supervisord-killed",
        "kill -9 of the supervisord of `opsgate up`, which is started again",
        harm.kill_supervisord,
        BelowUp,
        reads_go_on=False,
        writes_go_on=False,
        cuts=True,
        long=True,
    ),
)
