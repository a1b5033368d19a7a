"""Tasks created over HTTP run on schedule, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engines.gateway import Gateway, free_port
from tests.engines.redengine import Redengine
from tests.engines.waiting import until


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
            until(lambda: service.actions("daily one")[:2] == ["run", "success"], "the daily run")
            before = len(service.actions("often"))
            service.kill()
            service.start()
            assert [task["name"] for task in service.ask("GET", "/tasks")] == ["often", "daily one", "paused"]
            until(lambda: len(service.actions("often")) >= before + 4, "further runs")
            days = {record["start"][:10] for record in service.ask("GET", "/logs?task_name=daily+one")}
            assert service.actions("daily one") == ["run", "success"] * len(days)
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

    def test_the_keeper_and_then_the_gateway(self, tmp_path: Path) -> None:
        service = Redengine(tmp_path)
        scheduler = service.ask("GET", "/scheduler")["pid"]
        (keeper,) = set(service.gateway.workers()) - set(service.workers())
        os.kill(keeper, signal.SIGKILL)
        service.create("after the fall", code="1", start_cond="true")
        service.until("after the fall", lambda task: task["status"] == "success")
        assert service.ask("GET", "/scheduler")["pid"] == scheduler
        service.client.close()
        children = [scheduler, *service.workers()]
        os.kill(service.gateway.pid, signal.SIGKILL)
        service.gateway.stop()
        until(lambda: not any(map(alive, children)), "the end of its children")

    def test_the_gateways_master_takes_its_children_with_it(self, tmp_path: Path) -> None:
        service = Redengine(tmp_path)
        children = [service.ask("GET", "/scheduler")["pid"], *service.gateway.workers()]
        os.kill(service.gateway.pid, signal.SIGKILL)
        service.client.close()
        service.gateway.stop()
        until(lambda: not any(map(alive, children)), "the end of its children")
        service.start()
        assert service.stop() == 0


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


class TestSchedulerAway:
    def test_what_is_asked_for_is_done_once_it_is_there(self, tmp_path: Path) -> None:
        port, file = free_port(), tmp_path / "opsgate.toml"
        places = f"redengine.state_dir = '{tmp_path / 's'}'\njobs.state_dir = '{tmp_path / 'j'}'\n"
        file.write_text(f"server.log_format = 'json'\n{places}")
        arguments = ["serve", "--config", str(file), "--api", "redengine", "--bind", f"redengine=127.0.0.1:{port}"]
        with (
            Gateway(arguments, port, tmp_path / "log") as gateway,
            httpx.Client(base_url=gateway.url, timeout=60) as client,
        ):
            ready = client.get("/readyz")
            assert (ready.status_code, "No scheduler" in ready.json()["engines"]["redengine"]["error"]) == (503, True)
            assert client.post("/tasks/early", json={"code": "return_value = 1"}).status_code == 200
            asked = client.post("/tasks/early/run").json()
            assert asked["state"] == "waiting"
            assert client.post("/tasks/early/run").json() == asked
            assert (
                client.get("/scheduler").json() | {"tasks": 1, "waiting": 1, "alive": False}
                == client.get("/scheduler").json()
            )
            program = [sys.executable, "-P", "-m", "opsgate.redengine.scheduler", str(file)]
            with (tmp_path / "scheduler.log").open("w") as said:
                scheduler = subprocess.Popen(program, stderr=said)
            try:
                until(lambda: client.get(f"/runs/{asked['run_id']}").json()["state"] == "ended", "the run")
                assert client.get("/returns").json() == {"early": 1}
                assert client.get("/readyz").status_code == 200
            finally:
                scheduler.terminate()
                assert scheduler.wait(30) == 0
            lines = [json.loads(line) for line in (tmp_path / "scheduler.log").read_text().splitlines()]
            assert f"schedules the tasks in {tmp_path / 's'}" in [line["message"] for line in lines]

    def test_a_second_one_waits_for_the_first(self, redengine: Redengine) -> None:
        first = redengine.ask("GET", "/scheduler")["pid"]
        file = redengine.state / "scheduler.toml"
        second = subprocess.Popen([sys.executable, "-P", "-m", "opsgate.redengine.scheduler", str(file)])
        try:
            redengine.create("once", code="1", start_cond="every 1 s")
            until(lambda: redengine.actions("once").count("success") >= 2, "runs")
            assert redengine.ask("GET", "/scheduler")["pid"] == first
            assert second.poll() is None
        finally:
            second.terminate()
            assert second.wait(30) in (0, -signal.SIGTERM)  # it may not have come to listen for it
        redengine.clear()


class TestReadiness:
    def test_tells_the_schedulers_age(self, redengine: Redengine) -> None:
        ready = redengine.ask("GET", "/readyz")["engines"]["redengine"]
        assert ready["ready"] is True
        assert 0 <= ready["beat_age"] < 30
