"""Wrong input, line by line: a clear error in the API's shape, and nothing changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from tests.engines.redengine import Redengine

TASK = {"class": "CodeTask", "code": "x = 1", "start_cond": "after task 'nobody'", "priority": 2}


@pytest.fixture(scope="module")
def redengine(redengine_service: Redengine) -> Iterator[Redengine]:
    """The service with one task and one parameter."""
    redengine_service.clear()
    redengine_service.create("here", **TASK)
    redengine_service.ask("PATCH", "/parameters", {"k": 1})
    yield redengine_service
    redengine_service.clear()


def everything(redengine: Redengine) -> Any:
    return redengine.ask("GET", "/export"), redengine.ask("GET", "/returns"), redengine.ask("GET", "/tasks")


def refused(redengine: Redengine, answer: httpx.Response, status: int) -> str:
    """What is told, in the documented shape; the service goes on."""
    told = answer.json()
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert {**told, "forms": None} == {
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": told["message"],
        "message": told["message"],
        "forms": None,
    }
    assert redengine.ask("GET", "/tasks/here")["name"] == "here"
    return str(told["message"])


class TestUnknown:
    @pytest.mark.parametrize(
        "path", ["/task/gone", "/tasks/gone", "/tasks/gone%20too", "/tasks/gone/next", "/tasks/gone/runs"]
    )
    def test_task(self, redengine: Redengine, path: str) -> None:
        assert "gone" in refused(redengine, redengine.client.get(path), 404)

    @pytest.mark.parametrize("method", ["PATCH", "DELETE"])
    def test_task_to_change(self, redengine: Redengine, method: str) -> None:
        assert "'gone'" in refused(
            redengine, redengine.client.request(method, "/tasks/gone", json={"disabled": True}), 404
        )

    @pytest.mark.parametrize("word", ["run", "stop", "pause", "resume"])
    def test_task_to_act_on(self, redengine: Redengine, word: str) -> None:
        assert "'gone'" in refused(redengine, redengine.client.post(f"/tasks/gone/{word}"), 404)

    @pytest.mark.parametrize("path", ["/nothing", "/tasks/", "/tasks/a%2Fb", "/tasks/here/nothing"])
    def test_path(self, redengine: Redengine, path: str) -> None:
        assert "No such path" in refused(redengine, redengine.client.get(path), 404)

    def test_run(self, redengine: Redengine) -> None:
        for path in ("/runs/0", "/runs/0/output"):
            assert "'0'" in refused(redengine, redengine.client.get(path), 404)
        assert "'0'" in refused(redengine, redengine.client.post("/runs/0/stop"), 404)

    def test_output_of_what_never_ran(self, redengine: Redengine) -> None:
        assert "'here'" in refused(redengine, redengine.client.get("/tasks/here/output"), 404)

    def test_method(self, redengine: Redengine) -> None:
        for path, allowed in (("/tasks", "GET"), ("/tasks/here/run", "POST"), ("/config", "GET, PATCH")):
            answer = redengine.client.put(path, json={})
            refused(redengine, answer, 405)
            assert set(allowed.split(", ")) <= set(answer.headers["allow"].split(", "))


class TestCreating:
    @pytest.mark.parametrize(
        ("body", "status", "named"),
        [
            (b"", 400, "required"),
            (b"{}", 400, "class"),
            (b"[]", 400, "object"),
            (b'"text"', 400, "object"),
            (b"null", 400, "empty"),
            (b"{", 400, "JSON"),
            (b"\xff", 400, "JSON"),
            (b'{"code": NaN}', 400, "JSON"),
            (b"[" * 5000, 400, "JSON"),
            ({"class": "NoTask", "code": "1"}, 400, "'NoTask'"),
            ({"class": "Restart"}, 403, "Restart"),
            ({"class": "CodeTask"}, 400, "code"),
            ({"class": "CommandTask"}, 400, "command"),
            ({"class": "FuncTask"}, 400, "func"),
            ({"code": "1", "cod": "2"}, 400, "cod"),
            ({"code": "1", "status": "run"}, 400, "status"),
            ({"code": "1", "command": ["a"]}, 400, "command"),
            ({"code": "1", "start_cond": "every day"}, 400, "'every day'"),
            ({"code": "1", "start_cond": ""}, 400, "start_cond"),
            ({"code": "1", "end_cond": "(daily"}, 400, "'(daily'"),
            ({"code": "1", "start_cond": 5}, 400, "start_cond"),
            ({"code": "1", "execution": "junk"}, 400, "execution"),
            ({"code": "1", "timeout": "soon"}, 400, "timeout"),
            ({"code": "1", "timeout": 5}, 400, "timeout"),
            ({"code": "1", "priority": "x"}, 400, "priority"),
            ({"code": "1", "priority": 2**40}, 400, "priority"),
            ({"code": "1", "disabled": "perhaps"}, 400, "disabled"),
            ({"code": "1", "parameters": [1]}, 400, "parameters"),
            ({"code": "1", "on_exists": "shrug"}, 400, "on_exists"),
            ({"code": 5}, 400, "code"),
            ({"func": "os:nothing"}, 400, "os:nothing"),
            ({"func": "no_such_module:f"}, 400, "no_such_module"),
            ({"func": "nothing"}, 400, "nothing"),
            ({"command": []}, 400, "command"),
            ({"command": "'"}, 400, "command"),
            ({"command": "ls", "shell": True}, 403, "shell"),
            ({"command": "ls", "cwd": "here"}, 400, "cwd"),
            ({"command": "ls", "kwds_popen": {"preexec_fn": 1}}, 400, "preexec_fn"),
        ],
    )
    def test_is_refused(self, redengine: Redengine, body: Any, status: int, named: str) -> None:
        before = everything(redengine)
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = redengine.client.post("/tasks/new", content=sent, headers=headers)
        assert named in refused(redengine, answer, status)
        assert everything(redengine) == before

    def test_a_taken_name(self, redengine: Redengine) -> None:
        before = everything(redengine)
        assert "'here'" in refused(redengine, redengine.client.post("/tasks/here", json={"code": "other"}), 409)
        assert redengine.create("here", code="other", on_exists="ignore")["code"] == "x = 1"
        assert everything(redengine) == before

    def test_a_wrong_condition_shows_good_ones(self, redengine: Redengine) -> None:
        answer = redengine.client.post("/tasks/new", json={"code": "1", "start_cond": "yearly"})
        assert "every 10 min" in answer.json()["forms"]

    def test_of_eight_at_once_one_succeeds(self, redengine: Redengine) -> None:
        def create(_: int) -> int:
            return httpx.post(f"{redengine.url}/tasks/raced", json=TASK, timeout=60).status_code

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(create, range(8))) == [200] + [409] * 7
        redengine.ask("DELETE", "/tasks/raced")

    @pytest.mark.parametrize("path", ["/tasks/a%00b", "/tasks/a%0Ab", "/tasks/" + "a" * 256, "/tasks/a%FFb"])
    def test_names_that_are_none(self, redengine: Redengine, path: str) -> None:
        refused(redengine, redengine.client.post(path, json=TASK), 400)

    def test_a_body_that_is_too_large(self, redengine: Redengine) -> None:
        refused(redengine, redengine.client.post("/tasks/new", json={"code": "1" * 1_000_001}), 413)

    def test_from_a_page_of_another_site(self, redengine: Redengine) -> None:
        for headers in ({"origin": "http://evil.example"}, {"host": "evil.example"}):
            refused(redengine, redengine.client.post("/tasks/new", json=TASK, headers=headers), 403)


class TestChanging:
    @pytest.mark.parametrize(
        ("body", "named"),
        [
            ({"status": "run"}, "status"),
            ({"last_run": None}, "last_run"),
            ({"logger": "x"}, "logger"),
            ({"class": "CodeTask"}, "class"),
            ({"nonsense": 1}, "nonsense"),
            ({"disabled": "no"}, "disabled"),
            ({"force_run": None}, "force_run"),
            ({"command": ["ls"]}, "command"),
            ({"name": ""}, "name"),
            ({"name": "a/b"}, "name"),
            ({"code": "y", "priority": 7, "start_cond": "sometimes"}, "'sometimes'"),
            ({"code": "y", "priority": 7, "func": "os:getcwd"}, "func"),
            ([], "object"),
        ],
    )
    def test_a_task_is_all_or_nothing(self, redengine: Redengine, body: Any, named: str) -> None:
        before = everything(redengine)
        assert named in refused(redengine, redengine.client.patch("/tasks/here", json=body), 400)
        assert everything(redengine) == before

    def test_to_a_taken_name(self, redengine: Redengine) -> None:
        redengine.create("other", **TASK)
        answer = redengine.client.patch("/tasks/other", json={"name": "here", "priority": 9})
        assert "'here'" in refused(redengine, answer, 409)
        assert redengine.task("other")["priority"] == 2
        redengine.ask("DELETE", "/tasks/other")

    @pytest.mark.parametrize("path", ["/parameters", "/returns", "/config", "/configs"])
    @pytest.mark.parametrize("body", [b"[]", b"1", b'"a"', b"", b"{", b"null"])
    def test_what_is_no_object(self, redengine: Redengine, path: str, body: bytes) -> None:
        before = everything(redengine)
        refused(redengine, redengine.client.patch(path, content=body), 400)
        assert everything(redengine) == before

    @pytest.mark.parametrize(
        "body",
        [
            {"task_execution": "junk"},
            {"task_priority": 1.5},
            {"cycle_sleep": -1},
            {"task_pre_exist": True},
            {"debug": "yes"},
            {"task_logger_basename": "x"},
            {"nonsense": 1},
            {"task_priority": 1, "debug": None},
        ],
    )
    def test_config(self, redengine: Redengine, body: dict[str, Any]) -> None:
        before = everything(redengine)
        assert list(body)[-1] in refused(redengine, redengine.client.patch("/config", json=body), 400)
        assert everything(redengine) == before

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            ({}, "format"),
            ({"format": 2}, "format"),
            ({"format": 1, "tasks": {}}, "tasks"),
            (
                {"format": 1, "tasks": [{"name": "new", **TASK}, {"name": "bad", "code": "1", "start_cond": "yearly"}]},
                "bad",
            ),
            ({"format": 1, "tasks": [{"name": "new", **TASK}], "config": {"debug": 5}}, "debug"),
            ({"format": 1, "nonsense": []}, "nonsense"),
        ],
    )
    def test_an_import_is_all_or_nothing(self, redengine: Redengine, body: Any, named: str) -> None:
        before = everything(redengine)
        assert named in refused(redengine, redengine.client.post("/import", json=body), 400)
        assert everything(redengine) == before


class TestQueries:
    @pytest.mark.parametrize(
        ("query", "key"),
        [
            ("/tasks?nonsense=1", "nonsense"),
            ("/tasks?name$gt=1", "name$gt"),
            ("/tasks?name$=1", "name$"),
            ("/tasks?$min=1", "$min"),
            ("/tasks?=1", ""),
            ("/tasks?name$not$regex=1", "name$not$regex"),
            ("/tasks?name$regex=(", "name$regex"),
            ("/tasks?name$regex=" + "a" * 1001, "name$regex"),
            ("/tasks?disabled=perhaps", "disabled"),
            ("/tasks?priority=x", "priority"),
            ("/tasks?last_run$min=yesterday", "last_run$min"),
            ("/logs?timestamp$min=2021-13-01", "timestamp$min"),
            ("/logs?runtime$max=long", "runtime$max"),
            ("/logs?created$min=nan", "created$min"),
            ("/logs?limit=0", "limit"),
            ("/logs?order=sideways", "order"),
            ("/dependencies?name=a", "name"),
        ],
    )
    def test_that_are_wrong_name_their_key(self, redengine: Redengine, query: str, key: str) -> None:
        assert key in refused(redengine, redengine.client.get(query), 400)

    @pytest.mark.parametrize("query", ["/tasks?name$regex=(a%2B)%2B$", "/tasks?name$regex=(x%2Bx%2B)%2By"])
    def test_no_expression_takes_long(self, redengine: Redengine, query: str) -> None:
        name = "a" * 200 + "!"
        redengine.create(name, **TASK)
        assert redengine.ask("GET", query) == []
        redengine.ask("DELETE", f"/tasks/{name}")

    @pytest.mark.parametrize("path", ["/session", "/config", "/parameters", "/returns", "/tasks/here"])
    def test_elsewhere_are_not_looked_at(self, redengine: Redengine, path: str) -> None:
        assert redengine.ask("GET", f"{path}?nonsense=1&nonsense$x=2") == redengine.ask("GET", path)


def test_the_log_shows_no_failure_of_ours(redengine: Redengine) -> None:
    assert "Traceback" not in redengine.log.read_text()
