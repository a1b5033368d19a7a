"""The live Flux API over the local engine, on a state directory of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from tests.engines.gateway import Gateway, free_port

SECONDS = 60  # no wait is longer, on however slow a machine
USER = {
    "FLUX_USER": "fluxuser",
    "FLUX_TOKEN": "12345",
    "FLUX_SECRET_KEY": "a key that client and service share",
    "FLUX_USER_AUTH": "true",
}
"""The environment in which requests need credentials."""


class Flux:
    """``opsgate flux --engine local``.

    Attributes:
        gateway: The running service.
        client: Sends requests to it.
    """

    def __init__(
        self, directory: Path, settings: Mapping[str, str] | None = None, *, prefix: str = "", token: str = ""
    ) -> None:
        """Start it.

        Args:
            directory: Where its state and its log are.
            settings: Further environment variables.
            prefix: Where the API is, on an address for several of them.
            token: One of the service's own, where it needs one.
        """
        self.state, self.port, self._prefix = directory / "state", free_port(), prefix
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._environment = {
            "OPSGATE_SERVER_VALIDATE_RESPONSES": "true",
            "OPSGATE_SERVER_GRACEFUL_TIMEOUT": "2",
            "OPSGATE_FLUX_ENGINE": "local",
            "OPSGATE_JOBS_CORES": "4",
            **(settings or {}),
        }
        self._log = directory / "log"
        self.start()

    def start(self) -> None:
        """Start it, again perhaps."""
        arguments = ["flux", "-p", str(self.port)]
        if self._prefix:
            arguments = ["serve", "--api", "flux", "--bind", f"127.0.0.1:{self.port}"]
        environment = {**self._environment, "OPSGATE_JOBS_STATE_DIR": str(self.state)}
        self.gateway = Gateway(arguments, self.port, self._log, environment)
        auth = (environment["FLUX_USER"], environment["FLUX_TOKEN"]) if "FLUX_USER_AUTH" in environment else None
        url = self.gateway.url + self._prefix
        self.client = httpx.Client(base_url=url, timeout=SECONDS + 10, auth=auth, headers=self._headers)

    def submit(self, command: str | list[str], **fields: Any) -> int:
        """Submit a job; its number."""
        answer = self.client.post("/jobs/submit", json={"command": command, **fields})
        assert answer.status_code == httpx.codes.OK, answer.text
        return int(answer.json()["id"])

    def get(self, number: int, wait: float = 0) -> dict[str, Any]:
        """A job, flat."""
        answer = self.client.get(f"/v1/jobs/{number}", params={"wait": wait})
        assert answer.status_code == httpx.codes.OK, answer.text
        return dict(answer.json())

    def finished(self, number: int) -> dict[str, Any]:
        """The job when it is over."""
        job = self.get(number, SECONDS)
        assert job["state"] == "INACTIVE", job
        return job

    def until(self, number: int, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The job as soon as it fits."""
        end = time.monotonic() + SECONDS
        while not condition(job := self.get(number)):
            assert time.monotonic() < end, job
            time.sleep(0.02)
        return job

    def output(self, number: int) -> list[str]:
        """What a job wrote."""
        return list(self.client.get(f"/jobs/{number}/output").json()["Output"])

    def end_jobs(self) -> None:
        """End all jobs."""
        for job in self.client.get("/jobs?states=ACTIVE").json()["jobs"]:
            self.client.post(f"/jobs/{job['id']}/cancel")
            self.finished(job["id"])

    def stop(self) -> None:
        """End all jobs, then the service."""
        self.end_jobs()
        self.client.close()
        self.gateway.stop()

    def __enter__(self) -> Flux:
        """Use it as a context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()
