"""Tasks created over HTTP run on schedule, whatever is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engines.redengine import Redengine, until


@pytest.fixture(scope="module")
def redengine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redengine]:
    with Redengine(tmp_path_factory.mktemp("life")) as running:
        yield running


def alive(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestKilled:
    def test_everything(self, tmp_path: Path) -> None:
        service = Redengine(tmp_path)
        try:
            service.create("often", code="print('again')", start_cond="every 1 s")
            service.create("daily one", code="return_value = 'once'", start_cond="daily")
            service.create("paused", code="1", start_cond="true", disabled=True)
            service.ask("PATCH", "/parameters", {"k": 1})
            until(lambda: service.actions("often").count("success") >= 2, "two runs")
            until(lambda: service.actions("daily one") == ["run", "success"], "the daily run")
            before = len(service.actions("often"))
            service.kill()
            service.start()
            assert [task["name"] for task in service.ask("GET", "/tasks")] == ["often", "daily one", "paused"]
            until(lambda: len(service.actions("often")) >= before + 4, "further runs")
            assert service.actions("daily one") == ["run", "success"]
            assert service.actions("paused") == []
            assert service.ask("GET", "/parameters") == {"k": 1}
            assert service.ask("GET", "/returns") == {"daily one": "once"}
        finally:
            assert service.stop() == 0

    def test_the_scheduler_is_started_again(self, redengine: Redengine) -> None:
        first = redengine.ask("GET", "/scheduler")
        os.kill(first["pid"], signal.SIGKILL)
        redengine.create("after the fall", code="1", start_cond="true", disabled=False)
        until(lambda: redengine.ask("GET", "/scheduler")["pid"] not in (None, first["pid"]), "another scheduler")
        redengine.until("after the fall", lambda task: task["status"] == "success")
        redengine.clear()

    def test_workers(self, redengine: Redengine) -> None:
        redengine.create("kept", code="1", start_cond=False)
        workers = redengine.workers()
        assert workers
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        until(lambda: not any(alive(worker) for worker in workers), "their end")

        def answers() -> bool:
            try:
                return httpx.get(f"{redengine.url}/tasks/kept", timeout=5).status_code == 200
            except httpx.TransportError:
                return False

        until(answers, "an answer")
        redengine.clear()

    def test_the_gateways_master_takes_the_scheduler_with_it(self, tmp_path: Path) -> None:
        service = Redengine(tmp_path)
        scheduler = service.ask("GET", "/scheduler")["pid"]
        os.kill(service.gateway.pid, signal.SIGKILL)
        service.client.close()
        service.gateway.stop()
        until(lambda: not alive(scheduler), "the scheduler's end")


class TestStopped:
    def test_by_control_c(self, tmp_path: Path) -> None:
        service = Redengine(tmp_path)
        scheduler = service.ask("GET", "/scheduler")["pid"]
        service.client.close()
        os.killpg(service.gateway.pid, signal.SIGINT)  # as a terminal does, to all in the foreground
        assert service.gateway.stop() == 0
        assert not alive(scheduler)

    def test_frozen_scheduler(self, redengine: Redengine) -> None:
        pid = redengine.ask("GET", "/scheduler")["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            redengine.create("waits", code="print(1)", start_cond=False)
            asked = redengine.ask("POST", "/tasks/waits/run")
            assert asked["state"] == "waiting"
            assert redengine.ask("GET", "/tasks/waits")["force_run"] is True
        finally:
            os.kill(pid, signal.SIGCONT)
        assert redengine.ended(asked["run_id"])["action"] == "success"
        redengine.clear()


class TestReadiness:
    def test_tells_the_schedulers_age(self, redengine: Redengine) -> None:
        ready = redengine.ask("GET", "/readyz")["engines"]["redengine"]
        assert ready["ready"] is True
        assert 0 <= ready["beat_age"] < 30
