"""Faults of the Flux API over the local engine. What is only the gateway's own business is with Hoplite."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.faults import harm
from tests.faults.clients import Answer, Request, Written, asked
from tests.faults.on_jobs import OnJobs, SmallDisk, disk_full, refused
from tests.faults.scenario import Scenario
from tests.faults.site import Account


class FluxSite(OnJobs):
    """`opsgate serve` with the Flux API at its root; each write is a job, named by its key."""

    arguments = ("serve", "--api=flux", "--workers=2", "--bind=flux=127.0.0.1:{port}")
    reads = ("/v1/jobs?limit=5", "/v1/nodes", "/v1/jobs/search?length=5")

    def __init__(self, directory: Path) -> None:
        """Start it."""
        super().__init__(directory, directory / "state", {"OPSGATE_FLUX_ENGINE": "local"})

    def write(self, key: str) -> Request:
        """A job."""
        return Request("POST", "/v1/jobs/submit", {"command": self.mark(key), "name": key})

    def is_documented(self, answer: Answer) -> bool:
        """Whether it has what clients print, and what ours read."""
        return answer.has_texts("Message", "detail")

    def account(self, written: Written) -> Account:
        """Wait for the end of all jobs, and compare them with the marks they left."""
        harm.wait(lambda: not self._listed("states=ACTIVE"))
        jobs = self._listed("limit=100000")
        self.known |= {str(job["id"]) for job in jobs}
        made, ran = Counter(job["name"] for job in jobs), Counter(self.marks.read_text().split())
        completed = {job["name"] for job in jobs if job["result"] == "COMPLETED"}
        ours = [*written.acknowledged, *written.unknown]
        return Account(
            lost=[key for key in written.acknowledged if key not in made or (key in completed and not ran[key])],
            twice=[key for key in ours if made[key] > 1 or ran[key] > 1],
            interrupted=[key for key in ours if made[key] and key not in completed],
        )

    def _listed(self, query: str) -> list[dict[str, Any]]:
        answer = asked(self, Request("GET", f"/v1/jobs?details=true&listing=true&{query}"))
        assert answer.succeeded, answer
        return list(json.loads(answer.body)["jobs"])


class FluxOnSmallDisk(FluxSite):
    """The same with its state on a small file system."""

    def __init__(self, directory: Path) -> None:
        """Mount it, and start."""
        self._disk = SmallDisk(directory / "state")
        super().__init__(directory)

    def close(self) -> None:
        """End it, and unmount."""
        super().close()
        self._disk.close()


def _store(site: FluxSite) -> Path:
    return site.jobs / "jobs.db"


SCENARIOS: tuple[Scenario[Any], ...] = (
    Scenario("a-worker-killed", "kill -9 of one gunicorn worker", harm.kill_one("worker"), FluxSite, cuts=True),
    Scenario("all-workers-killed", "kill -9 of all gunicorn workers", harm.kill_all("worker"), FluxSite, cuts=True),
    Scenario(
        "master-killed",
        "kill -9 of gunicorn's master; a supervisor starts it again",
        harm.kill_service,
        FluxSite,
        reads_go_on=False,
        writes_go_on=False,
        cuts=True,
    ),
    Scenario(
        "runners-killed",
        "kill -9 of the runners of five jobs",
        harm.kill(lambda site: site.pids("runner"), at_least=5),
        FluxSite,
        interrupts=True,
    ),
    Scenario("a-worker-stopped", "SIGSTOP of one worker", harm.stop_one("worker"), FluxSite, writes_go_on=False),
    Scenario(
        "store-locked",
        "another process has the SQLite store locked, longer than writers wait",
        harm.hold(_store, "BEGIN EXCLUSIVE"),
        FluxSite,
        lasts=refused,
        writes_go_on=False,
    ),
    Scenario(
        "disk-full",
        "no room on the file system of the state directory",
        disk_full(lambda site: site.jobs),
        FluxOnSmallDisk,
        lasts=refused,
        writes_go_on=False,
    ),
)
