"""The Red Engine API in ``opsgate up``: below its prefix, the scheduler a program of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.engines.gateway import Gateway, free_port
from tests.engines.waiting import until


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    directory = tmp_path_factory.mktemp("u")
    port = free_port()
    arguments = ["up", "--state-dir", str(directory / "s"), "--api", "redengine", "--api", "supvisors"]
    with (
        Gateway([*arguments, "--bind", f"127.0.0.1:{port}"], port, directory / "log") as running,
        httpx.Client(base_url=running.url, timeout=60) as client,
    ):
        until(lambda: client.get("/readyz").json()["engines"]["redengine"]["ready"], "the scheduler")
        yield client


class TestUp:
    def test_runs_tasks(self, up: httpx.Client) -> None:
        task = {"code": "return_value = 'done'", "start_cond": "true"}
        assert up.post("/redengine/tasks/often", json=task).status_code == 200
        until(lambda: up.get("/redengine/returns").json() == {"often": "done"}, "a run")
        assert up.delete("/redengine/tasks/often").json() is None

    def test_the_next_page_is_below_the_prefix(self, up: httpx.Client) -> None:
        up.post("/redengine/tasks/logged", json={"code": "1", "force_run": True})
        until(lambda: len(up.get("/redengine/logs?task_name=logged").json()) == 2, "its log")
        answer = up.get("/redengine/logs?task_name=logged&limit=1")
        follows = up.get(answer.links["next"]["url"]).json()
        assert [record["action"] for record in answer.json() + follows] == ["run", "success"]

    def test_the_scheduler_is_a_program(self, up: httpx.Client) -> None:
        info = up.get("/supvisors/supervisor/getProcessInfo/opsgate:redengine").json()
        assert (info["statename"], info["pid"]) == ("RUNNING", up.get("/redengine/scheduler").json()["pid"])

    def test_it_comes_back(self, up: httpx.Client) -> None:
        first = up.get("/redengine/scheduler").json()["pid"]
        os.kill(first, signal.SIGKILL)
        until(lambda: up.get("/redengine/scheduler").json()["pid"] not in (None, first), "another scheduler")
