"""What goes beyond the document: runs, their output, pausing, foresight, pages of the log, export and import, ETags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.redengine import Redengine
from tests.engines.waiting import until


@pytest.fixture
def redengine(redengine_service: Redengine) -> Iterator[Redengine]:
    """The service, without tasks before and after."""
    redengine_service.clear()
    yield redengine_service
    redengine_service.clear()


class TestRuns:
    def test_run_now_answers_the_run(self, redengine: Redengine) -> None:
        redengine.create("a task", code="print('hi')\nreturn_value = {'a': [1]}", disabled=True)
        asked = redengine.ask("POST", "/tasks/a%20task/run")
        assert (asked["task_name"], asked["reason"], asked["action"]) == ("a task", "force_run", None)
        run = redengine.ended(asked["run_id"])
        assert (run["action"], run["exit_code"], run["return_value"]) == ("success", 0, {"a": [1]})
        assert redengine.ask("GET", "/tasks/a%20task/runs") == [run]
        assert redengine.ask("GET", f"/logs?run_id={asked['run_id']}&action$not=run")[0]["runtime"] == run["runtime"]
        task = redengine.task("a task")
        assert (task["status"], task["disabled"], task["force_run"]) == ("success", True, False)

    def test_force_run_is_the_same(self, redengine: Redengine) -> None:
        redengine.create("forced", command=["echo", "hi"])
        redengine.ask("PATCH", "/tasks/forced", {"force_run": True})
        assert redengine.until("forced", lambda task: task["status"] == "success")["force_run"] is False
        assert redengine.ask("GET", "/returns")["forced"] == "hi\n"

    @pytest.mark.parametrize("how", ["/stop", "/runs", "force_termination"])
    def test_stop(self, redengine: Redengine, how: str) -> None:
        redengine.create("long", command=["sleep", "600"])
        run_id = redengine.ask("POST", "/tasks/long/run")["run_id"]
        redengine.until("long", lambda task: task["status"] == "run")
        if how == "/stop":
            assert redengine.ask("POST", "/tasks/long/stop")["run_id"] == run_id
        elif how == "/runs":
            assert redengine.ask("POST", f"/runs/{run_id}/stop")["run_id"] == run_id
        else:
            redengine.ask("PATCH", "/tasks/long", {"force_termination": True})
        assert redengine.ended(run_id)["action"] == "terminate"
        assert redengine.task("long")["status"] == "terminate"
        assert redengine.ask("POST", "/tasks/long/stop", status=409)["title"] == "Conflict"
        assert redengine.ask("POST", f"/runs/{run_id}/stop", status=409)["title"] == "Conflict"

    def test_deleting_while_it_runs(self, redengine: Redengine) -> None:
        redengine.create("doomed", command=["sleep", "600"])
        run_id = redengine.ask("POST", "/tasks/doomed/run")["run_id"]
        redengine.until("doomed", lambda task: task["status"] == "run")
        redengine.ask("DELETE", "/tasks/doomed")
        assert redengine.ended(run_id)["action"] == "terminate"
        assert redengine.actions("doomed") == ["run", "terminate"]
        redengine.create("next", code="1")
        assert redengine.run("next")["action"] == "success"

    def test_output(self, redengine: Redengine) -> None:
        redengine.create(
            "writer", code="import sys\nfor n in range(100): print('line', n)\nprint('err', file=sys.stderr)"
        )
        run_id = redengine.run("writer")["run_id"]
        last = redengine.ask("GET", "/tasks/writer/output?tail=2")
        assert (last["run_id"], last["text"], last["complete"]) == (run_id, "line 98\nline 99\n", True)
        first = redengine.ask("GET", f"/runs/{run_id}/output?limit=14")
        assert (first["text"], first["next_offset"], first["complete"]) == ("line 0\nline 1\n", 14, False)
        assert redengine.ask("GET", f"/runs/{run_id}/output?offset=14&limit=7")["text"] == "line 2\n"
        assert redengine.ask("GET", f"/runs/{run_id}/output?offset=-8")["text"] == "line 99\n"
        assert redengine.ask("GET", f"/runs/{run_id}/output?stream=stderr")["text"] == "err\n"

    def test_output_of_a_run_under_way(self, redengine: Redengine, tmp_path: Path) -> None:
        go = tmp_path / "go"
        code = f"import os, time\nprint('begun', flush=True)\nwhile not os.path.exists({str(go)!r}): time.sleep(0.02)"
        redengine.create("slow", code=code)
        run_id = redengine.ask("POST", "/tasks/slow/run")["run_id"]
        redengine.until("slow", lambda task: task["status"] == "run")
        piece = redengine.ask("GET", f"/runs/{run_id}/output?wait=20")
        assert (piece["text"], piece["complete"]) == ("begun\n", False)
        go.touch()
        until(lambda: redengine.ask("GET", f"/runs/{run_id}/output")["complete"], "the end")


class TestPausing:
    def test_pause_and_resume(self, redengine: Redengine) -> None:
        redengine.create("paused", code="1", start_cond="every 1 s")
        redengine.until("paused", lambda task: task["status"] == "success")
        assert redengine.ask("POST", "/tasks/paused/pause")["disabled"] is True
        redengine.until("paused", lambda task: task["status"] == "success")
        count = len(redengine.actions("paused"))
        redengine.create("clock", code="1", start_cond="every 1 s")
        until(lambda: redengine.actions("clock").count("success") >= 3, "time")
        assert len(redengine.actions("paused")) <= count + 2  # a run that was on its way when it was paused
        assert redengine.ask("POST", "/tasks/paused/resume")["disabled"] is False
        until(lambda: len(redengine.actions("paused")) > count + 2, "another run")


class TestForesight:
    def test_of_a_task(self, redengine: Redengine) -> None:
        redengine.create("nightly", code="1", start_cond="daily after 23:00 | after task 'other'", disabled=True)
        told = redengine.ask("GET", "/tasks/nightly/next?count=3")
        assert (told["task_name"], told["disabled"], told["after"]) == ("nightly", True, ["other"])
        assert [moment[10:] for moment in told["next"][-2:]] == [" 23:00:00.000000"] * 2
        assert len(told["next"]) == 3

    def test_of_a_text(self, redengine: Redengine) -> None:
        good = redengine.ask("GET", "/condition?text=every+10+min%20%26%20~daily&count=0")
        assert (good["condition"], good["valid"], good["problem"]) == ("every 10 min & ~daily", True, None)
        bad = redengine.ask("GET", "/condition?text=every+day")
        assert (bad["valid"], "'every day'" in bad["problem"], "every 10 min" in bad["forms"]) == (False, True, True)
        assert redengine.ask("GET", "/condition?text=daily&task_name=gone", status=404)["title"] == "Not Found"


class TestLogs:
    def test_pages_lead_to_the_end(self, redengine: Redengine) -> None:
        redengine.create("often", code="1")
        for _ in range(3):
            redengine.run("often")
        everything = redengine.ask("GET", "/logs?task_name=often")
        assert [record["action"] for record in everything] == ["run", "success"] * 3
        for order, expected in (("asc", everything), ("desc", everything[::-1])):
            found, url = [], f"/logs?task_name=often&limit=2&order={order}"
            while url:
                answer = redengine.client.get(url)
                found += answer.json()
                url = answer.links.get("next", {}).get("url", "")
            assert found == expected
        assert redengine.ask("GET", "/logs?task_name=often&offset=4") == everything[4:]
        assert redengine.ask("GET", f"/logs?task_name=often&after_id={everything[3]['id']}") == everything[4:]


class TestExport:
    def test_into_another_session(self, redengine: Redengine, tmp_path: Path) -> None:
        redengine.create("é ☃", code="return_value = 1", start_cond="daily", parameters={"a": 1}, timeout="10 min")
        redengine.create("command", command="echo 'a b'", priority=-3, description="says it")
        redengine.create("function", func="os.getcwd", end_cond="every 1 hour", disabled=True)
        redengine.ask("PATCH", "/parameters", {"k": [None]})
        redengine.ask("PATCH", "/config", {"task_pre_exist": "ignore"})
        told = redengine.ask("GET", "/export")
        redengine.ask("PATCH", "/config", {"task_pre_exist": "raise"})
        with Redengine(tmp_path) as other:
            other.create("another", code="1")
            assert other.ask("POST", "/import", told) == {
                "created": ["é ☃", "command", "function"],
                "replaced": [],
                "deleted": [],
            }
            assert [task["name"] for task in other.ask("GET", "/export")["tasks"]] == [
                "another",
                "é ☃",
                "command",
                "function",
            ]
            replaced = other.ask("POST", "/import?mode=replace", told)
            assert (replaced["created"], replaced["deleted"]) == ([], ["another"])
            assert other.ask("GET", "/export") == told


class TestETags:
    def test_change_with_what_they_stand_for(self, redengine: Redengine) -> None:
        redengine.create("watched", code="1")
        for path in ("/tasks", "/tasks/watched", "/session", "/export"):
            first = redengine.client.get(path)
            known = {"if-none-match": first.headers["etag"]}
            assert redengine.client.get(path, headers=known).status_code == 304
            redengine.ask("PATCH", "/tasks/watched", {"priority": redengine.task("watched")["priority"] + 1})
            assert redengine.client.get(path, headers=known).status_code == 200
