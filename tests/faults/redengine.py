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
from tests.faults.on_jobs import OnJobs, SmallDisk, disk_full, refused
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
        begun, ran = Counter(run["task_name"] for run in runs), Counter(self.marks.read_text().split())
        ours = [*written.acknowledged, *written.unknown]
        return Account(
            lost=[
                key for key in written.acknowledged if key not in status or (status[key] == "success" and not ran[key])
            ],
            twice=[key for key in ours if begun[key] > 1 or ran[key] > 1],
            interrupted=[key for key in ours if status.get(key, "success") != "success"],
        )

    def asked(self, path: str) -> Any:
        """What is read there."""
        answer = asked(self, Request("GET", path))
        assert answer.succeeded, answer
        return json.loads(answer.body)

    def _tasks(self) -> list[dict[str, Any]]:
        return [task for task in self.asked("/tasks") if task["start_cond"] == "false"]


class RedengineOnSmallDisk(RedengineSite):
    """The same with its state on a small file system."""

    def __init__(self, directory: Path) -> None:
        """Mount it, and start."""
        self._disk = SmallDisk(directory / "state")
        super().__init__(directory)

    def close(self) -> None:
        """End it, and unmount."""
        super().close()
        self._disk.close()


class OwnClock(RedengineSite):
    """The same with a clock that can be set, that of the scheduler too; that of runners and tasks is the machine's.

    Attributes:
        clock: The file that says how far it is from the machine's.
    """

    def __init__(self, directory: Path) -> None:
        """Start it."""
        self.clock = directory / "clock"
        super().__init__(directory, harm.settable_clock(self.clock))


def _store(site: RedengineSite) -> Path:
    return site.state / "redengine.db"


SCENARIOS: tuple[Scenario[Any], ...] = (
    Scenario("a-worker-killed", "kill -9 of one gunicorn worker", harm.kill_one("worker"), RedengineSite, cuts=True),
    Scenario(
        "all-workers-killed", "kill -9 of all gunicorn workers", harm.kill_all("worker"), RedengineSite, cuts=True
    ),
    Scenario(
        "master-killed",
        "kill -9 of gunicorn's master; a supervisor starts it again",
        harm.kill_service,
        RedengineSite,
        reads_go_on=False,
        writes_go_on=False,
        cuts=True,
    ),
    Scenario("scheduler-killed", "kill -9 of the scheduler", harm.kill_one("scheduler"), RedengineSite),
    Scenario(
        "scheduler-stopped",
        "SIGSTOP of the scheduler",
        harm.stop_one("scheduler"),
        RedengineSite,
        writes_go_on=False,  # it may have been writing
    ),
    Scenario(
        "runners-killed",
        "kill -9 of the runners of five runs",
        harm.kill(lambda site: site.pids("runner"), at_least=5),
        RedengineSite,
        interrupts=True,
    ),
    Scenario("a-worker-stopped", "SIGSTOP of one worker", harm.stop_one("worker"), RedengineSite, writes_go_on=False),
    Scenario(
        "store-locked",
        "another process has the SQLite store locked, longer than writers wait",
        harm.hold(_store, "BEGIN EXCLUSIVE"),
        RedengineSite,
        lasts=refused,
        writes_go_on=False,
    ),
    Scenario(
        "disk-full",
        "no room on the file system of the state directory",
        disk_full(lambda site: site.directory / "state"),
        RedengineOnSmallDisk,
        lasts=refused,
        writes_go_on=False,
        needs_root=True,
    ),
    Scenario(
        "clock-stepped",
        "the clock of gateway and scheduler a day forward, two days back, and right again",
        harm.step_clock,
        OwnClock,
        long=True,
    ),
)
