"""A job of the engine as the document's object: its failure, in every way in which a job can end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opsgate.backends.hoplite.record import describe
from opsgate.backends.jobs.model import Job

RAISED = {
    "type": "ValueError",
    "class": "<class 'ValueError'>",
    "message": "kaboom",
    "traceback": "Traceback ...",
    "pickled_traceback": "ctblib",
    "pickled_exception": "cexceptions",
}


def job(**members: Any) -> Job:
    spec = {"run": {"config": {"a": 1}}, "limits": {"time": None}}
    known: dict[str, Any] = dict.fromkeys(Job._fields)
    known |= {
        "id": "82733921-6257-4df9-a238-e8149547a0ed",
        "name": "jobs.sleep",
        "state": "finished",
        "killed": 0,
        "created_at": 1795324363.5,
        "status_json": '{"state": "sleeping"}',
        "labels_json": '{"owner": "matt"}',
        "spec_json": json.dumps(spec),
    }
    if "ending" in members:
        members["ending_json"] = json.dumps(members.pop("ending"))
    return Job(**known | members)


def failure(kind: str, message: str) -> dict[str, Any]:
    return {
        "type": kind,
        "message": message,
        "traceback": "N.",
        "traceback_text": "",
        "previous_exception": {"type": kind, "message": message, "exception_object": None},
    }


class TestMembers:
    def test_of_a_running_job(self) -> None:
        assert describe(job(state="running", pid=9111, started_at=1795324364.0)) == {
            "uuid": "82733921-6257-4df9-a238-e8149547a0ed",
            "name": "jobs.sleep",
            "plugin_name": "jobs.sleep",
            "config": {"a": 1},
            "status": {"state": "sleeping"},
            "running": True,
            "finished": False,
            "killed": False,
            "state": "running",
            "cause": None,
            "exit_code": None,
            "signal": None,
            "pid": 9111,
            "created_at": 1795324363.5,
            "started_at": 1795324364.0,
            "finished_at": None,
            "timeout": None,
            "labels": {"owner": "matt"},
        }

    @pytest.mark.parametrize("state", ["created", "queued", "starting"])
    def test_of_one_that_does_not_run_yet(self, state: str) -> None:
        found = describe(job(state=state))
        assert (found["running"], found["finished"]) == (False, False)

    def test_a_killed_job_may_run_still(self) -> None:
        found = describe(job(state="running", killed=1))
        assert (found["running"], found["finished"], found["killed"]) == (True, False, True)


class TestBadNews:
    """What a job's process says must not break a list of jobs."""

    @pytest.mark.parametrize(
        "text", ['{"a": "\\ud800"}', '{"a": 1' + "0" * 400 + "}", '{"a":' + "[" * 150 + "]" * 150 + "}"]
    )
    def test_a_status_that_nobody_can_read_is_shown_as_text(self, text: str) -> None:
        assert describe(job(state="running", status_json=text))["status"] == {"unreadable": text}

    def test_an_exception_without_anything_it_should_have(self) -> None:
        found = describe(job(exit_code=1, ending={"exception": {"type": 5, "message": None}}))["status"]["exception"]
        assert found == {
            "type": "",
            "message": "",
            "traceback": "N.",
            "traceback_text": "",
            "previous_exception": {"type": "", "message": "", "exception_object": None},
        }


class TestException:
    def test_of_the_plugin(self) -> None:
        assert describe(job(exit_code=1, ending={"exception": RAISED}))["status"] == {
            "state": "sleeping",
            "exception": {
                "type": "ValueError",
                "message": "kaboom",
                "traceback": "ctblib",
                "traceback_text": "Traceback ...",
                "previous_exception": {
                    "type": "<class 'ValueError'>",
                    "message": "kaboom",
                    "exception_object": "cexceptions",
                },
            },
        }

    def test_lies_over_what_the_job_reported(self) -> None:
        found = describe(job(exit_code=3, ending={}, status_json='{"exception": "mine"}'))
        assert found["status"] == {"exception": failure("JobExited", "The job's process ended with exit code 3")}

    @pytest.mark.parametrize(
        ("members", "kind", "message"),
        [
            ({"exit_code": 3}, "JobExited", "The job's process ended with exit code 3"),
            ({"signal": 9}, "JobDied", "The job's process died of SIGKILL"),
            ({"signal": 40}, "JobDied", "The job's process died of signal 40"),
            ({"cause": "timeout", "signal": 15}, "JobTimeout", "The job ran longer than it may"),
            ({"cause": "output"}, "JobOutputLimit", "The job wrote more than it may"),
            ({"cause": "interrupted"}, "JobInterrupted", "The job was ended together with the machine"),
            ({"cause": "lost", "ending": {"error": "It is gone"}}, "JobLost", "It is gone"),
            ({"cause": "not_started", "ending": {"error": "No such file"}}, "JobNotStarted", "No such file"),
            ({"cause": "unsatisfiable", "ending": {"error": "9 cores"}}, "JobUnsatisfiable", "9 cores"),
        ],
    )
    def test_of_a_process_that_ended_otherwise(self, members: dict[str, Any], kind: str, message: str) -> None:
        assert describe(job(**members))["status"]["exception"] == failure(kind, message)

    @pytest.mark.parametrize(
        "members",
        [
            {"exit_code": 0},
            {"state": "running"},
            {"killed": 1, "cause": "cancelled", "signal": 15},
            {"killed": 1, "cause": "cancelled", "exit_code": 1, "ending": {"exception": RAISED}},
            {"killed": 1, "exit_code": 3},
        ],
    )
    def test_is_none_of_a_job_that_succeeded_runs_or_was_killed(self, members: dict[str, Any]) -> None:
        assert describe(job(**members))["status"] == {"state": "sleeping"}

    def test_without_pickles_is_one_that_the_published_client_can_read(self) -> None:
        raised = RAISED | {"pickled_traceback": None, "pickled_exception": None}
        found = describe(job(exit_code=1, ending={"exception": raised}))["status"]["exception"]
        assert (found["traceback"], found["previous_exception"]["exception_object"]) == ("N.", None)
