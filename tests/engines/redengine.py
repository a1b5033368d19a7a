"""The live Red Engine API: ``opsgate redengine`` on a state directory of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import httpx

from tests.engines.gateway import Gateway, free_port
from tests.engines.waiting import until

SECONDS = 60  # no wait is longer, on however slow a machine


class Redengine:
    """The service with its scheduler.

    Attributes:
        url: Where it listens.
        client: Sends requests to it.
        state: Its state directory.
    """

    def __init__(self, directory: Path, settings: Mapping[str, str] | None = None) -> None:
        """Start it; `settings` are further environment variables."""
        self.state, self._port = directory / "state", free_port()
        self._environment = {
            "OPSGATE_SERVER_VALIDATE_RESPONSES": "true",
            "OPSGATE_SERVER_GRACEFUL_TIMEOUT": "2",
            **(settings or {}),
        }
        self.log = directory / "log"
        self.start()

    def start(self) -> None:
        """Start it, again perhaps."""
        arguments = ["redengine", "--port", str(self._port), "--state-dir", str(self.state)]
        self.gateway = Gateway(arguments, self._port, self.log, self._environment)
        self.url = self.gateway.url
        self.client = httpx.Client(base_url=self.url, timeout=SECONDS + 10)
        try:
            until(lambda: self.client.get("/scheduler").json().get("alive", False), "the scheduler")
        except BaseException:
            self.stop()
            raise

    def ask(self, method: str, target: str, body: object = None, *, status: int = 200) -> Any:
        """Send a request, and return the body of its answer."""
        answer = self.client.request(method, target, json=body)
        assert answer.status_code == status, (method, target, answer.text)
        return answer.json()

    def create(self, name: str, **members: Any) -> dict[str, Any]:
        """Create a task."""
        return dict(self.ask("POST", f"/tasks/{quote(name)}", members))

    def task(self, name: str) -> dict[str, Any]:
        """Read a task."""
        return dict(self.ask("GET", f"/tasks/{quote(name)}"))

    def run(self, name: str) -> dict[str, Any]:
        """Run a task now, and return the run when it is over."""
        return self.ended(self.ask("POST", f"/tasks/{quote(name)}/run")["run_id"])

    def ended(self, run_id: str) -> dict[str, Any]:
        """The run when it is over."""
        until(lambda: self.ask("GET", f"/runs/{run_id}")["state"] == "ended", f"the end of {run_id}")
        return dict(self.ask("GET", f"/runs/{run_id}"))

    def actions(self, name: str) -> list[str]:
        """What the log tells of a task."""
        return [record["action"] for record in self.ask("GET", f"/logs?task_name={quote(name)}")]

    def until(self, name: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The task as soon as it fits."""
        until(lambda: condition(self.task(name)), name)
        return self.task(name)

    def workers(self) -> list[int]:
        """The process ids of gunicorn's workers, without the keeper of the scheduler."""
        children = self.gateway.workers()
        return [pid for pid in children if b"opsgate.redengine.keeper" not in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def clear(self) -> None:
        """Remove all tasks."""
        for task in self.ask("GET", "/tasks"):
            self.ask("DELETE", f"/tasks/{quote(task['name'])}")

    def kill(self) -> None:
        """Kill gateway, workers, keeper and scheduler at one blow."""
        os.killpg(self.gateway.pid, signal.SIGKILL)
        self.client.close()
        self.gateway.stop()

    def stop(self) -> int:
        """End it as its user would, and return its exit status."""
        self.client.close()
        return self.gateway.stop()

    def __enter__(self) -> Redengine:
        """Use it as a context."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()
