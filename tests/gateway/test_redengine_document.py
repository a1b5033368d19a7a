"""The page of the document from top to bottom, with its own command lines, against ``opsgate redengine``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines.redengine import Redengine

CREATE = r"""
curl --request POST \
     --data '{"class": "CodeTask", "start_cond":"another value", "code": "print('\''Hello World'\'')"}' \
     http://localhost:5000/tasks/my-new-task
"""
TASK: dict[str, Any] = {
    "name": "my-new-task",
    "class": "CodeTask",
    "start_cond": "another value",
    "end_cond": "false",
    "code": "print('Hello World')",
    "status": None,
    "last_run": None,
    "disabled": False,
    "force_run": False,
    "execution": "process",
    "priority": 0,
    "parameters": {},
}


@pytest.fixture
def redengine(redengine_service: Redengine) -> Iterator[Redengine]:
    """The service, without tasks before and after."""
    redengine_service.clear()
    yield redengine_service
    redengine_service.clear()


def shell(line: str, redengine: Redengine) -> Any:
    """What a command line of the document answers, once it goes to the port of this test."""
    here = line.replace("http://localhost:5000", redengine.url).replace(
        "curl ", "curl --silent --show-error --fail ", 1
    )
    done = subprocess.run(["bash", "-c", here], capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def curl(target: str, redengine: Redengine, *arguments: str) -> tuple[int, Any]:
    """Status and body of a request for a URL of the document, its ``$`` and ``%2`` as they stand there."""
    command = ["curl", "--silent", "--globoff", "--write-out", "\n%{http_code}", *arguments, redengine.url + target]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


class TestPage:
    def test_list_of_tasks(self, redengine: Redengine) -> None:
        assert shell("curl http://localhost:5000/tasks", redengine) == []

    def test_creating_a_task(self, redengine: Redengine) -> None:
        created = shell(CREATE, redengine)
        assert {member: created[member] for member in TASK} == TASK
        assert shell("curl http://localhost:5000/tasks", redengine) == [created]
        assert shell("curl http://localhost:5000/task/my-new-task", redengine) == created

    def test_the_created_task_never_runs_by_itself_and_says_hello_when_told_to(self, redengine: Redengine) -> None:
        shell(CREATE, redengine)
        run = redengine.run("my-new-task")
        assert (run["action"], run["reason"]) == ("success", "force_run")
        assert redengine.ask("GET", f"/runs/{run['run_id']}/output")["text"] == "Hello World\n"
        assert redengine.actions("my-new-task")[-2:] == ["run", "success"]

    def test_logs_by_time(self, redengine: Redengine) -> None:
        shell(CREATE, redengine)
        redengine.run("my-new-task")
        assert curl("/logs?timestamp$min=2021-01-01&timestamp$max=2021-12-31", redengine) == (200, [])
        status, records = curl("/logs?timestamp$min=2021-01-01&timestamp$max=2999-12-31", redengine)
        assert (status, records[-1]["action"]) == (200, "success")

    def test_logs_by_action(self, redengine: Redengine) -> None:
        redengine.create("broken", code="1 / 0")
        redengine.run("broken")
        status, records = curl("/logs?action=fail&action=terminate", redengine)
        assert (status, {record["action"] for record in records} - {"terminate"}) == (200, {"fail"})
        assert records[-1]["task_name"] == "broken"
        assert "ZeroDivisionError" in records[-1]["exc_text"]

    def test_tasks_by_name(self, redengine: Redengine) -> None:
        for name in ("scraper.one", "scraper", "scraperXtwo", "my-scraper.one"):
            redengine.create(name, code="1", start_cond=False)
        status, tasks = curl("/tasks?name$regex=scraper.%2", redengine)
        assert (status, [task["name"] for task in tasks]) == (200, ["scraper.one", "scraperXtwo"])
        assert curl("/tasks?name$regex=scraper.%2B", redengine) == (status, tasks)


class TestTable:
    """Each endpoint with each of its methods."""

    @pytest.mark.parametrize("path", ["/task/a", "/tasks/a"])
    def test_task(self, redengine: Redengine, path: str) -> None:
        status, created = curl(
            path, redengine, "-X", "POST", "-d", '{"code": "x = 1", "start_cond": "after task \'nobody\'"}'
        )
        assert (status, created["name"], created["start_cond"]) == (200, "a", "after task 'nobody'")
        assert curl(path, redengine) == (200, created)
        assert curl(path, redengine, "-X", "PATCH", "-d", '{"disabled": true}') == (200, {**created, "disabled": True})
        assert curl(path, redengine, "-X", "DELETE") == (200, None)
        assert curl(path, redengine)[0] == 404

    def test_parameters(self, redengine: Redengine) -> None:
        assert curl("/parameters", redengine, "-X", "PATCH", "-d", '{"k": {"a": [1]}}')[0] == 200
        assert curl("/parameters", redengine)[1]["k"] == {"a": [1]}

    @pytest.mark.parametrize("path", ["/config", "/configs"])
    def test_config(self, redengine: Redengine, path: str) -> None:
        status, before = curl(path, redengine)
        assert (status, before["task_execution"], before["task_pre_exist"]) == (200, "process", "raise")
        changed = curl(path, redengine, "-X", "PATCH", "-d", '{"task_priority": 3}')
        assert changed == (200, {**before, "task_priority": 3})
        assert curl(path, redengine, "-X", "PATCH", "-d", '{"task_priority": 0}') == (200, before)

    def test_session(self, redengine: Redengine) -> None:
        redengine.create("a", code="1", start_cond=False)
        status, session = curl("/session", redengine)
        assert (status, sorted(session)) == (200, ["config", "parameters", "returns", "tasks"])
        assert session["tasks"] == ["a"]

    def test_returns(self, redengine: Redengine) -> None:
        redengine.create("answer", code="return_value = 6 * 7")
        redengine.run("answer")
        assert curl("/returns", redengine)[1]["answer"] == 42

    def test_dependencies(self, redengine: Redengine) -> None:
        redengine.create("load", code="1", start_cond="after task 'scrape'")
        expected = [{"parent": "scrape", "child": "load", "relation": "DependSuccess", "type": None}]
        assert curl("/dependencies", redengine) == (200, expected)
        assert curl("/dependencies?parent=other", redengine) == (200, [])
