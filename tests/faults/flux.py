"""Faults of the Flux API over the local engine, and over Flux where it is installed.

What is only the gateway's own business is with Hoplite.
"""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.engines import flux_instance
from tests.engines.flux_instance import FluxInstance
from tests.faults import harm
from tests.faults.clients import Answer, Request, Written, asked
from tests.faults.gateway import of_gateway
from tests.faults.on_jobs import OnJobs, of_jobs, refused
from tests.faults.scenario import Scenario
from tests.faults.site import Account


class FluxSite(OnJobs):
    """`opsgate serve` with the Flux API at its root; each write is a job, named by its key."""

    arguments = ("serve", "--api=flux", "--workers=2", "--bind=flux=127.0.0.1:{port}")
    reads = ("/v1/jobs?limit=5", "/v1/nodes", "/v1/jobs/search?length=5")

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        """Start it, over the local engine if the environment says nothing else."""
        super().__init__(directory, directory / "state", environment or {"OPSGATE_FLUX_ENGINE": "local"})

    def write(self, key: str) -> Request:
        """A job."""
        return Request("POST", "/v1/jobs/submit", {"command": self.mark(key), "name": key})

    def is_documented(self, answer: Answer) -> bool:
        """Whether it has what clients print, and what ours read."""
        return answer.has_texts("Message", "detail")

    def account(self, written: Written) -> Account:
        """Wait for the end of all jobs, and compare them with the marks they left."""
        harm.wait(lambda: not self.listed("states=ACTIVE"))
        jobs = self.listed("limit=100000")
        self.known |= {str(job["id"]) for job in jobs}
        made = Counter(job["name"] for job in jobs)
        return self.compared(
            written, begun=made, known=made, done={job["name"] for job in jobs if job["result"] == "COMPLETED"}
        )

    def listed(self, query: str) -> list[dict[str, Any]]:
        """Jobs, flat."""
        answer = asked(self, Request("GET", f"/v1/jobs?details=true&listing=true&{query}"))
        assert answer.succeeded, answer
        return list(json.loads(answer.body)["jobs"])


class FluxOnSmallDisk(FluxSite):
    """The same with its state on a small file system."""

    small_disk = True


class BrokerSite(FluxSite):
    """The same in front of a Flux instance, which keeps its jobs in memory."""

    def __init__(self, directory: Path) -> None:
        """Start both."""
        self.instance = FluxInstance(directory / "run", cores=4)
        self._begun = 0
        self.begin()
        super().__init__(directory, {"OPSGATE_FLUX_ENGINE": "flux", "FLUX_URI": self.instance.uri})

    def begin(self) -> None:
        """Start the instance, again perhaps: of all before it knows nothing.

        It starts and ends validators of jobs as it likes, which would look like processes that are left.
        """
        self.instance.start()
        self.instance.run("module", "reload", "-f", "job-ingest", "disable-validator")
        self._begun += 1

    def account(self, written: Written) -> Account:
        """What a killed broker had been given is interrupted, not lost by us."""
        found = super().account(written)
        return replace(found, lost=[], interrupted=found.interrupted + found.lost) if self._begun > 1 else found

    def close(self) -> None:
        """End both."""
        super().close()
        self.instance.stop()


@contextmanager
def _broker_stopped(site: BrokerSite) -> Iterator[None]:
    broker = site.instance.broker  # cannot be asked for while it stands still
    os.kill(broker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker, signal.SIGCONT)


@contextmanager
def _broker_killed(site: BrokerSite) -> Iterator[None]:
    site.instance.kill()
    yield
    site.begin()


_LOCAL: tuple[Scenario[Any], ...] = (
    *of_gateway(FluxSite, never={"everything-killed"}),
    *of_jobs(FluxSite, FluxOnSmallDisk, rarely={"store-locked"}),
)

_BROKER: tuple[Scenario[Any], ...] = (
    Scenario(
        "before-flux-a-worker-killed",
        "over Flux: kill -9 of one gunicorn worker",
        harm.kill_one("worker"),
        BrokerSite,
        cuts=True,
    ),
    Scenario(
        "before-flux-everything-killed",
        "over Flux: kill -9 of master and workers at once; a supervisor starts it again",
        harm.kill_everything,
        BrokerSite,
        reads_go_on=False,
        writes_go_on=False,
        cuts=True,
    ),
    Scenario(
        "broker-stopped",
        "over Flux: SIGSTOP of the broker",
        _broker_stopped,
        BrokerSite,
        reads_go_on=False,
        writes_go_on=False,
    ),
    Scenario(
        "broker-killed",
        "over Flux: kill -9 of the broker with all it runs; it is started again, and has forgotten its jobs",
        _broker_killed,
        BrokerSite,
        lasts=refused,
        reads_go_on=False,
        writes_go_on=False,
        interrupts=True,
    ),
)

SCENARIOS = _LOCAL if flux_instance.missing() else (*_LOCAL, *_BROKER)
