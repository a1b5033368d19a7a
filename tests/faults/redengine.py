"""Faults of the Red Engine API: the gateway, the scheduler beside it, and the job engine below."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opsgate.backends.jobs import locks
from tests.faults import harm
from tests.faults.clients import Answer, Request, Written, asked
from tests.faults.gateway import of_gateway
from tests.faults.on_jobs import OnJobs, of_jobs
from tests.faults.scenario import Scenario
from tests.faults.site import Account

_ENDS = {"success", "fail", "terminate"}


class RedengineSite(OnJobs):
    """`opsgate redengine`; each write is a task that is to run once, and is called as its key.

    Attributes:
        state: Its state directory.
    """

    arguments = ("redengine", "--workers=2", "--port={port}", "--state-dir={directory}/state")
    reads = ("/logs?limit=5&order=desc", "/session", "/parameters")

    def __init__(self, directory: Path, environment: Mapping[str, str] | None = None) -> None:
        """Start it; `environment` is added to the usual one."""
        self.state = directory / "state"
        super().__init__(directory, self.state / "jobs", environment)

    @property
    def store(self) -> Path:
        """Its own; the job engine's is another."""
        return self.state / "redengine.db"

    def start(self) -> None:
        """Start it, again perhaps, and wait for its scheduler."""
        super().start()
        harm.wait(lambda: json.loads(asked(self, Request("GET", "/scheduler")).body)["alive"])

    def write(self, key: str) -> Request:
        """A task that is due at once, and never again."""
        body = {"class": "CommandTask", "command": self.mark(key), "start_cond": False, "force_run": True}
        return Request("POST", f"/tasks/{key}", body)

    def is_documented(self, answer: Answer) -> bool:
        """Whether it is a problem."""
        return answer.has_texts("title", "detail", "message")

    def pids(self, kind: str) -> list[int]:
        """The "scheduler" besides; gunicorn's children are the workers, and a keeper."""
        if kind == "scheduler":
            holder = locks.holder(str(self.state / "scheduler"))
            return [holder] if holder else []
        if kind != "worker":
            return super().pids(kind)
        return [pid for pid in super().pids(kind) if b"keeper" not in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def account(self, written: Written) -> Account:
        """Wait until all tasks have run, and compare them with the log, and with the marks they left."""
        harm.wait(lambda: all(task["status"] in _ENDS for task in self._tasks()))
        status = {task["name"]: task["status"] for task in self._tasks()}
        runs = self.asked("/logs?action=run")
        self.known |= {run["run_id"] for run in runs}
        begun, done = Counter(run["task_name"] for run in runs), {key for key in status if status[key] == "success"}
        return self.compared(written, begun=begun, known=status, done=done)

    def asked(self, path: str) -> Any:
        """What is read there."""
        answer = asked(self, Request("GET", path))
        assert answer.succeeded, answer
        return json.loads(answer.body)

    def _tasks(self) -> list[dict[str, Any]]:
        return [task for task in self.asked("/tasks") if task["start_cond"] == "false"]


class RedengineOnSmallDisk(RedengineSite):
    """The same with its state on a small file system."""

    small_disk = True


class OwnClock(RedengineSite):
    """The same with a clock that can be set, that of the scheduler too; that of runners and tasks is the machine's.

    Attributes:
        clock: The file that says how far it is from the machine's.
    """

    def __init__(self, directory: Path) -> None:
        """Start it."""
        self.clock = directory / "clock"
        super().__init__(directory, harm.settable_clock(self.clock))


SCENARIOS: tuple[Scenario[Any], ...] = (
    *of_gateway(RedengineSite, never={"everything-killed"}),
    *of_jobs(RedengineSite, RedengineOnSmallDisk, runs="runs"),
    Scenario("scheduler-killed", "kill -9 of the scheduler", harm.kill_one("scheduler"), RedengineSite),
    Scenario(
        "scheduler-stopped",
        "SIGSTOP of the scheduler",
        harm.stop_one("scheduler"),
        RedengineSite,
        writes_go_on=False,  # it may have been writing
    ),
    Scenario(
        "clock-stepped",
        "the clock of gateway and scheduler a day forward, two days back, and right again",
        harm.step_clock,
        OwnClock,
        long=True,
    ),
)
