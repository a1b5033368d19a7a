"""``--session``: a rocketry session of the user's own, run by a process of its own and shown as it is."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from opsgate.config import ConfigError
from opsgate.redengine import chosen, programs
from opsgate.settings import Redengine as Section
from opsgate.settings import Settings
from tests.engines.gateway import Gateway, free_port
from tests.engines.redengine import Redengine
from tests.engines.waiting import until

SESSION = """
from rocketry import Session

session = Session(config={"execution": "thread"})

def hello():
    return "hello"

session.create_task(func=hello, name="hello", execution="thread")
session.create_task(func=hello, name="later", execution="thread", start_cond="after task 'never'")
session.create_task(func=hello, name="never", execution="thread", disabled=True)
"""


@pytest.fixture(scope="module")
def service(rocketry_python: Path) -> Iterator[Redengine]:
    with tempfile.TemporaryDirectory() as directory:  # a path short enough for a socket
        (Path(directory) / "my_session.py").write_text(SESSION)
        settings = {
            "OPSGATE_REDENGINE_SESSION": "my_session:session",
            "OPSGATE_REDENGINE_PYTHON": str(rocketry_python),
            "PYTHONPATH": directory,
        }
        with Redengine(Path(directory), settings) as running:
            yield running


class TestSession:
    def test_is_shown(self, service: Redengine) -> None:
        assert [task["name"] for task in service.ask("GET", "/tasks")] == ["hello", "later", "never"]
        assert [task["name"] for task in service.ask("GET", "/tasks?disabled=true")] == ["never"]
        dependency = {"parent": "never", "child": "later", "relation": "DependSuccess", "type": None}
        assert service.ask("GET", "/dependencies") == [dependency]
        assert service.ask("GET", "/session")["tasks"] == ["hello", "later", "never"]
        assert service.ask("GET", "/config")["task_execution"] == "thread"

    def test_is_changed_and_run_by_itself(self, service: Redengine) -> None:
        assert service.ask("POST", "/tasks/hello/run")["task_name"] == "hello"
        service.until("hello", lambda task: task["status"] == "success")
        assert service.actions("hello") == ["run", "success"]
        assert service.ask("PATCH", "/tasks/never", {"disabled": False, "priority": 3})["priority"] == 3
        assert service.ask("POST", "/tasks/never/pause")["disabled"] is True

    def test_bad_input_is_refused_the_same_way(self, service: Redengine) -> None:
        assert service.ask("GET", "/tasks/gone", status=404)["title"] == "Not Found"
        assert service.ask("POST", "/tasks/hello", {"code": "1"}, status=409)["title"] == "Conflict"
        assert service.ask("PATCH", "/tasks/hello", {"start_cond": "nonsense"}, status=400)["title"] == "Bad Request"

    def test_what_it_has_not_is_told(self, service: Redengine) -> None:
        for method, path in (("GET", "/runs/1"), ("GET", "/tasks/hello/output"), ("POST", "/import")):
            assert service.ask(method, path, {"format": 1}, status=501)["title"] == "Not Implemented"

    def test_comes_back(self, service: Redengine) -> None:
        (keeper,) = set(service.gateway.workers()) - set(service.workers())
        (session,) = [int(pid) for pid in Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()]
        os.kill(session, signal.SIGKILL)
        until(lambda: service.client.get("/tasks/hello").status_code == 200, "the session")
        assert service.task("hello")["name"] == "hello"


class TestAttached:
    def test_a_scheduler_that_does_not_run_is_told(self, tmp_path: Path) -> None:
        port = free_port()
        arguments = ["serve", "--api", "redengine", "--bind", f"redengine=127.0.0.1:{port}"]
        settings = {"OPSGATE_REDENGINE_ATTACHED": str(tmp_path / "nobody.sock")}
        with Gateway(arguments, port, tmp_path / "log", settings) as gateway:
            answer = httpx.get(f"{gateway.url}/tasks", timeout=60)
            assert (answer.status_code, answer.json()["title"]) == (503, "Service Unavailable")


class TestPrograms:
    def test_one_at_most(self) -> None:
        with pytest.raises(ConfigError, match=r"redengine.session and redengine.adopt exclude each other"):
            chosen.options(Settings(redengine=Section(session="a:b", adopt="a:b")))

    def test_nothing_runs_beside_a_scheduler_of_the_users(self) -> None:
        assert programs.program(Settings(redengine=Section(attached="/s")), Path("/f")) is None

    def test_a_path_too_long_for_a_socket(self) -> None:
        settings = Settings(redengine=Section(session="a:b", state_dir="/" + "s" * 100))
        with pytest.raises(ConfigError, match=r"redengine.state_dir: .*/session.sock is too long a path for a socket"):
            programs.program(settings, Path("/f"))
