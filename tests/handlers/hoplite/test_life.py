"""The life of a job as clients see it: `running`, `finished`, `killed` and the status at each moment."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.engines.hoplite import SECONDS, Hoplite


def moment(job: dict[str, Any]) -> tuple[bool, bool, bool]:
    return job["running"], job["finished"], job["killed"]


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "ZX"
    except OSError:
        return True


class TestMoments:
    def test_created(self, hoplite: Hoplite) -> None:
        job = hoplite.create("jobs.ok")["job"]
        assert (moment(job), job["status"], job["state"]) == ((False, False, False), {}, "created")
        assert hoplite.get(job["uuid"]) == job

    def test_running_then_returned(self, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.sleep", {"seconds": 0.5})
        assert moment(job) == (True, False, False)
        assert job["status"] == {"state": "sleeping", "pid": job["pid"]}
        job = hoplite.finished(job["uuid"])
        assert (moment(job), job["status"]) == ((False, True, False), {"state": "slept"})
        assert (job["exit_code"], job["signal"], job["cause"]) == (0, None, None)
        assert job["created_at"] <= job["started_at"] <= job["finished_at"]

    def test_raised(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.fail", {"message": "kaboom"})
        assert moment(job) == (False, True, False)
        assert job["status"]["before"] == "failure"
        found = job["status"]["exception"]
        assert (found["type"], found["message"]) == ("ValueError", "kaboom")
        assert found["traceback_text"].endswith("ValueError: kaboom\n")
        assert found["previous_exception"]["type"] == "<class 'ValueError'>"

    @pytest.mark.parametrize(
        ("plugin", "config", "kind", "message", "exit_code", "signal"),
        [
            ("jobs.exit", {"code": 3}, "JobExited", "The job's process ended with exit code 3", 3, None),
            ("jobs.die", {}, "JobDied", "The job's process died of SIGKILL", None, 9),
            ("jobs.leave", {"code": 4}, "SystemExit", "4", 4, None),
            ("jobs.leave", {"code": "no"}, "SystemExit", "no", 1, None),
            ("jobs.broken", {}, "ModuleNotFoundError", "No module named 'no_such_module'", 1, None),
            ("jobs.unpicklable", {}, "test_jobs.plugin8.Odd", "Odd()", 1, None),
        ],
    )
    def test_died(
        self, hoplite: Hoplite, plugin: str, config: Any, kind: str, message: str, exit_code: int, signal: int
    ) -> None:
        job = hoplite.run(plugin, config)
        assert moment(job) == (False, True, False)
        assert (job["status"]["exception"]["type"], job["status"]["exception"]["message"]) == (kind, message)
        assert (job["exit_code"], job["signal"]) == (exit_code, signal)

    @pytest.mark.parametrize("code", [0, None])
    def test_left_well(self, hoplite: Hoplite, code: int | None) -> None:
        job = hoplite.run("jobs.leave", {"code": code})
        assert (moment(job), job["status"], job["exit_code"]) == ((False, True, False), {}, 0)

    def test_killed(self, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.sleep")
        answer = hoplite.client.put(f"/jobs/{job['uuid']}/kill")
        assert (answer.status_code, answer.json()) == (200, {"uuid": job["uuid"], "killed": True})
        over = hoplite.finished(job["uuid"])
        assert (moment(over), over["status"]) == ((False, True, True), job["status"])
        assert (over["cause"], over["signal"]) == ("cancelled", 15)

    def test_killed_with_all_that_came_of_it(self, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.stubborn")
        began = time.monotonic()
        hoplite.client.put(f"/jobs/{job['uuid']}/kill")
        between = hoplite.get(job["uuid"])
        assert moment(between) == (True, False, True)
        over = hoplite.finished(job["uuid"])
        assert time.monotonic() - began >= 1  # the grace time: it ignores SIGTERM
        assert (moment(over), over["signal"]) == ((False, True, True), 9)
        assert [pid for pid in over["status"]["pids"] if not is_gone(pid)] == []

    def test_killed_before_its_process_was_there(self, hoplite: Hoplite) -> None:
        uuid = hoplite.create("jobs.sleep", run=True)["uuid"]
        assert hoplite.client.put(f"/jobs/{uuid}/kill").status_code == 200
        job = hoplite.finished(uuid)
        assert (moment(job), "exception" in job["status"]) == ((False, True, True), False)

    def test_killed_after_its_end_nothing_changes(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.ok")
        answer = hoplite.client.put(f"/jobs/{job['uuid']}/kill")
        assert (answer.status_code, answer.json()) == (200, {"uuid": job["uuid"], "killed": True})
        assert hoplite.get(job["uuid"]) == job

    def test_not_started_it_cannot_be_killed_but_started(self, hoplite: Hoplite) -> None:
        uuid = hoplite.create("jobs.ok")["uuid"]
        answer = hoplite.client.put(f"/jobs/{uuid}/kill")
        assert answer.status_code == 403
        assert answer.json() == {"error": f"Job UUID: {uuid} has not been started", "uuid": uuid, "killed": False}
        assert hoplite.client.put(f"/jobs/{uuid}/start").json() == {"uuid": uuid, "started": True}
        assert moment(hoplite.finished(uuid)) == (False, True, False)

    def test_started_once(self, hoplite: Hoplite) -> None:
        uuid = hoplite.create("jobs.ok")["uuid"]
        with ThreadPoolExecutor(20) as clients:
            answers = list(clients.map(lambda _: hoplite.client.put(f"/jobs/{uuid}/start"), range(20)))
        assert sorted(answer.status_code for answer in answers) == [200] + [403] * 19
        message = f"Job UUID: {uuid} you cannot start a job more than once"
        refused = [answer.json() for answer in answers if answer.status_code == 403]
        assert refused == [{"error": message, "uuid": uuid, "started": False}] * 19
        hoplite.finished(uuid)
        assert hoplite.client.put(f"/jobs/{uuid}/start").status_code == 403

    def test_running_jobs_are_listed(self, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.sleep")
        listed = hoplite.client.get("/jobs/running").json()
        assert job["uuid"] in [each["uuid"] for each in listed["jobs"]]
        assert all(each["running"] for each in listed["jobs"])
        assert listed["total"] == len(listed["jobs"])
        hoplite.client.put(f"/jobs/{job['uuid']}/kill")
        hoplite.finished(job["uuid"])
        assert job["uuid"] not in [each["uuid"] for each in hoplite.client.get("/jobs/running").json()["jobs"]]


class TestStatus:
    def test_markers_reach_the_plugin_as_values(self, hoplite: Hoplite) -> None:
        config = {
            "a": {"$date": 1577957445678},
            "b": {"$uuid": "00000000000000000000000000000001"},
            "c": {"$binary": "AP8=", "$type": "00"},
            "d": {"$regex": "ab+", "$options": "i"},
            "e": "☃é",
        }
        job = hoplite.run("jobs.echo", config)
        assert job["config"] == config
        assert job["status"] == {"config": config, "types": ["Pattern", "UUID", "bytes", "datetime", "str"]}

    def test_what_json_lacks_does_not_break_it(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.odd")
        assert (job["exit_code"], job["status"]["nan"], job["status"]["object"]) == (0, None, "<class 'object'>")
        assert job["status"]["5"] == [1, 2]
        assert (job["status"]["surrogate"], job["status"]["big"]) == ("?", "1" + "0" * 30)
        assert hoplite.client.get("/jobs").status_code == 200

    def test_a_thousand_arrive(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.chatty", {"times": 1000})
        assert job["status"] == {"number": 999}

    def test_comes_from_spawned_processes_too(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.spawned")
        assert job["status"] == {"from": "a spawned process"}

    def test_attributes_that_plugins_use(self, hoplite: Hoplite) -> None:
        address = f"127.0.0.1:{hoplite.port}"
        job = hoplite.run("jobs.attributes")
        assert job["status"] == {"addr": address, "daemon": f"http://{address}", "uuid": job["uuid"]}

    def test_a_name_may_hold_dots_and_spaces(self, hoplite: Hoplite) -> None:
        assert hoplite.run("My Jobs.do this")["status"] == {"did": "this"}

    def test_the_built_in_command(self, hoplite: Hoplite) -> None:
        job = hoplite.run("hoplite.plugins.command", {"command": ["printf", "%s", "☃"]})
        assert job["status"] == {"state": "finished", "pid": job["status"]["pid"], "exit_code": 0}
        assert hoplite.client.get(f"/jobs/{job['uuid']}/output").json()["text"] == "☃"


class TestUpdate:
    @pytest.fixture
    def keyed(self, hoplite: Hoplite) -> Any:
        job = hoplite.reported("jobs.key")
        yield job
        hoplite.client.put(f"/jobs/{job['uuid']}/kill")
        hoplite.finished(job["uuid"])

    def test_replaces_the_status(self, hoplite: Hoplite, keyed: Any) -> None:
        path, key = f"/jobs/{keyed['uuid']}", keyed["status"]["key"]
        for status in ({"a": {"b": [1]}}, {"c": {"$date": 5}}, {}):
            answer = hoplite.client.put(path, json={"status": status, "api_key": key, "unknown": 1})
            assert answer.status_code == 200
            assert answer.json()["status"] == answer.json()["job"]["status"] == status
            assert hoplite.get(keyed["uuid"])["status"] == status

    def test_forty_at_once_leave_one_of_them_whole(self, hoplite: Hoplite, keyed: Any) -> None:
        path, key = f"/jobs/{keyed['uuid']}", keyed["status"]["key"]
        statuses = [{"number": number, f"own{number}": number} for number in range(40)]
        with ThreadPoolExecutor(20) as clients:
            send = lambda status: hoplite.client.put(path, json={"status": status, "api_key": key})  # noqa: E731
            answers = list(clients.map(send, statuses))
        assert {answer.status_code for answer in answers} == {200}
        assert hoplite.get(keyed["uuid"])["status"] in statuses

    def test_the_exception_stays_on_top(self, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.key", {"seconds": "no number"})
        over = hoplite.finished(job["uuid"])
        key = over["status"]["key"]
        body = {"status": {"exception": "mine", "late": True}, "api_key": key}
        answer = hoplite.client.put(f"/jobs/{job['uuid']}", json=body)
        assert answer.json()["status"] == {"late": True, "exception": over["status"]["exception"]}


class TestSecrecy:
    def test_nobody_is_told_the_key(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.ok")
        for answer in (hoplite.client.get(f"/jobs/{job['uuid']}"), hoplite.client.get("/jobs")):
            assert "api_key" not in answer.text

    def test_a_job_has_nothing_of_ours(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.environment")
        environment, files = job["status"]["environment"], job["status"]["open"]
        assert {name for name in environment if name.startswith("OPSGATE_")} == {"OPSGATE_JOB", "OPSGATE_JOB_MARK"}
        assert len([name for name in files if name.startswith("socket:")]) == 1  # the channel to its runner
        assert [name for name in files if "jobs.db" in name] == []

    def test_files_of_jobs_are_the_owners_alone(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.ok")
        (directory,) = hoplite.state.glob(f"jobs/*/{job['uuid']}")
        modes = {path.name: path.stat().st_mode & 0o077 for path in [directory, *directory.iterdir()]}
        assert {name: mode for name, mode in modes.items() if mode} == {}


class TestPlugins:
    def test_are_listed(self, hoplite: Hoplite) -> None:
        names = hoplite.client.get("/job_plugins").json()["job_plugins"]
        assert names == sorted(set(names))
        assert {"jobs.ok", "jobs.broken", "My Jobs.do this", "hoplite.plugins.command"} <= set(names)
        assert hoplite.client.post("/job_plugins/reload").json() == {"job_plugins": names}
        assert hoplite.client.put("/reload").json() == {}

    def test_paths_are_listed(self, hoplite: Hoplite) -> None:
        paths = hoplite.client.get("/job_plugins/paths").json()["paths"]
        assert paths[0] == str(hoplite.site)
        assert any(re.search("site-packages$", path) for path in paths)

    def test_those_that_cannot_be_imported_break_nothing(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.no run")
        assert job["status"]["exception"]["type"] == "AttributeError"
        assert hoplite.client.get("/jobs", params={"limit": 5}).status_code == 200
        assert job["finished_at"] - job["created_at"] < SECONDS
