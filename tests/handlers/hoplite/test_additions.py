"""What goes beyond the document: output, waiting, filters and pages, deletion, limits, retried requests, webhooks."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.hoplite import SECONDS, Hoplite, install
from tests.engines.receiver import Receiver


def output(hoplite: Hoplite, uuid: str, **query: Any) -> dict[str, Any]:
    answer = hoplite.client.get(f"/jobs/{uuid}/output", params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.fixture(scope="module")
def jobs(hoplite: Hoplite) -> list[str]:
    """Six jobs, oldest first: three finished in the order 1, 0, 2, three created."""
    made = [
        hoplite.create("jobs.sleep" if number == 1 else "jobs.ok", {"seconds": 0}, labels=labels)["uuid"]
        for number, labels in enumerate(
            [
                {"set": "lists", "owner": "matt"},
                {"set": "lists", "owner": "ann", "a": "b=c"},
                {"set": "lists"},
                {"set": "lists", "owner": "matt"},
                {"set": "lists", "owner": "☃"},
                {"set": "lists", "owner": "matt"},
            ]
        )
    ]
    for number in (1, 0, 2):
        hoplite.client.put(f"/jobs/{made[number]}/start")
        hoplite.finished(made[number])
    return made


class TestOutput:
    def test_of_a_finished_job(self, hoplite: Hoplite) -> None:
        uuid = hoplite.run("jobs.write", {"text": "one\ntwo\n"})["uuid"]
        assert output(hoplite, uuid) == {
            "uuid": uuid,
            "stream": "stdout",
            "text": "one\ntwo\n",
            "offset": 0,
            "next_offset": 8,
            "size": 8,
            "complete": True,
        }
        assert output(hoplite, uuid, stream="stderr")["text"] == "done"

    def test_of_a_job_that_was_not_started(self, hoplite: Hoplite) -> None:
        uuid = hoplite.create("jobs.write")["uuid"]
        found = output(hoplite, uuid)
        assert (found["text"], found["size"], found["complete"]) == ("", 0, False)

    def test_in_pieces_of_whole_characters(self, hoplite: Hoplite) -> None:
        uuid = hoplite.run("jobs.write", {"text": "a☃é😀", "times": 50})["uuid"]
        text, offset, pieces = "", 0, 0
        while not (piece := output(hoplite, uuid, offset=offset, limit=7))["complete"]:
            assert piece["offset"] == offset
            text, offset, pieces = text + piece["text"], piece["next_offset"], pieces + 1
        assert text + piece["text"] == "a☃é😀" * 50
        assert pieces > 50

    def test_megabytes(self, hoplite: Hoplite) -> None:
        uuid = hoplite.run("jobs.write", {"text": "0123456789abcde\n", "times": 200_000})["uuid"]
        size, offset, complete = 0, 0, False
        while not complete:
            piece = output(hoplite, uuid, offset=offset, limit=1_048_576)
            size, offset, complete = size + len(piece["text"]), piece["next_offset"], piece["complete"]
        assert size == 3_200_000

    def test_the_last_lines(self, hoplite: Hoplite) -> None:
        uuid = hoplite.run("jobs.write", {"text": "one\ntwo\nthree\n"})["uuid"]
        found = output(hoplite, uuid, tail=2)
        assert (found["text"], found["offset"], found["next_offset"], found["complete"]) == (
            "two\nthree\n",
            4,
            14,
            True,
        )
        assert output(hoplite, uuid, tail=0)["text"] == ""

    def test_behind_the_end(self, hoplite: Hoplite) -> None:
        uuid = hoplite.run("jobs.write", {"text": "one"})["uuid"]
        found = output(hoplite, uuid, offset=1000)
        assert (found["text"], found["next_offset"], found["complete"]) == ("", 3, True)

    def test_what_is_no_utf_8_is_replaced(self, hoplite: Hoplite) -> None:
        uuid = hoplite.run("hoplite.plugins.command", {"command": ["printf", r"a\377b"]})["uuid"]
        assert output(hoplite, uuid)["text"] == "a�b"

    def test_waits_until_there_is_some(self, hoplite: Hoplite) -> None:
        uuid = hoplite.create("hoplite.plugins.command", {"command": "sleep 0.5; echo late; sleep 0.5"})["uuid"]
        threading.Timer(0.2, lambda: hoplite.client.put(f"/jobs/{uuid}/start")).start()
        first = output(hoplite, uuid, wait=SECONDS)
        assert (first["text"], first["complete"]) == ("late\n", False)
        last = output(hoplite, uuid, offset=first["next_offset"], wait=SECONDS)
        assert (last["text"], last["complete"]) == ("", True)

    def test_does_not_wait_for_ever(self, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.sleep")
        began = time.monotonic()
        assert output(hoplite, job["uuid"], wait=0.3)["text"] == ""
        assert 0.3 <= time.monotonic() - began < SECONDS
        hoplite.client.put(f"/jobs/{job['uuid']}/kill")


class TestWait:
    def test_ends_with_the_job_for_everybody(self, hoplite: Hoplite) -> None:
        uuid = hoplite.create("jobs.sleep", {"seconds": 0.5})["uuid"]
        with ThreadPoolExecutor(20) as clients:
            waiting = [clients.submit(hoplite.get, uuid, wait=SECONDS) for _ in range(20)]
            hoplite.client.put(f"/jobs/{uuid}/start")
            assert {job.result()["state"] for job in waiting} == {"finished"}

    def test_ends_with_the_time(self, hoplite: Hoplite) -> None:
        job = hoplite.create("jobs.ok")["job"]
        began = time.monotonic()
        assert hoplite.get(job["uuid"], wait=0.3) == job
        assert 0.3 <= time.monotonic() - began < SECONDS

    def test_ends_with_the_deletion_of_the_job(self, hoplite: Hoplite) -> None:
        uuid = hoplite.create("jobs.ok")["uuid"]
        threading.Timer(0.2, lambda: hoplite.client.delete(f"/jobs/{uuid}")).start()
        assert hoplite.client.get(f"/jobs/{uuid}", params={"wait": SECONDS}).status_code == 404


class TestLists:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({}, [0, 1, 2, 3, 4, 5]),
            ({"order_by": "-created_at"}, [5, 4, 3, 2, 1, 0]),
            ({"order_by": "finished_at"}, [1, 0, 2]),
            ({"order_by": "-finished_at"}, [2, 0, 1]),
            ({"order_by": "finished_at", "state": ["created", "finished"]}, [1, 0, 2]),
            ({"order_by": "finished_at", "state": "created"}, []),
            ({"state": "finished"}, [0, 1, 2]),
            ({"state": ["finished", "created"]}, [0, 1, 2, 3, 4, 5]),
            ({"state": "running"}, []),
            ({"plugin_name": "jobs.sleep"}, [1]),
            ({"plugin_name": "nope"}, []),
            ({"label": ["set=lists", "owner=matt"]}, [0, 3, 5]),
            ({"label": ["set=lists", "owner=☃"]}, [4]),
            ({"label": ["set=lists", "a=b=c"]}, [1]),
            ({"label": ["set=lists", "owner=matt", "owner=ann"]}, []),
            ({"label": ["set=lists", "owner=matt"], "state": "created", "order_by": "-created_at"}, [5, 3]),
        ],
    )
    def test_filters(self, hoplite: Hoplite, jobs: list[str], query: dict[str, Any], expected: list[int]) -> None:
        found = hoplite.client.get("/jobs", params={"label": "set=lists", **query}).json()
        assert [jobs.index(job["uuid"]) for job in found["jobs"]] == expected
        assert found["total"] == len(expected)

    def test_pages(self, hoplite: Hoplite, jobs: list[str]) -> None:
        for limit, offset in ((2, 0), (2, 2), (2, 4), (2, 6), (0, 0), (100, 3)):
            query: dict[str, str | int] = {"label": "set=lists", "limit": limit, "offset": offset}
            found = hoplite.client.get("/jobs", params=query).json()
            assert [job["uuid"] for job in found["jobs"]] == jobs[offset : offset + limit]
            assert found["total"] == 6

    def test_without_parameters_all_are_there(self, hoplite: Hoplite) -> None:
        found = hoplite.client.get("/jobs").json()
        assert len(found["jobs"]) == found["total"]
        created = [job["created_at"] for job in found["jobs"]]
        assert created == sorted(created)

    def test_many(self, hoplite: Hoplite) -> None:
        """More than are read at once."""
        with ThreadPoolExecutor(8) as clients:
            made = list(clients.map(lambda _: hoplite.create("jobs.ok", labels={"set": "many"})["uuid"], range(620)))
        for order, limit in (("created_at", 1000), ("-created_at", 610)):
            query: dict[str, str | int] = {"label": "set=many", "order_by": order, "limit": limit}
            found = hoplite.client.get("/jobs", params=query).json()
            assert found["total"] == 620
            assert {job["uuid"] for job in found["jobs"]} <= set(made)
            assert len({job["uuid"] for job in found["jobs"]}) == min(limit, 620)
        for uuid in made:
            hoplite.client.delete(f"/jobs/{uuid}")


class TestDelete:
    @pytest.mark.parametrize("plugin", ["jobs.ok", "jobs.fail"])
    def test_a_finished_job(self, hoplite: Hoplite, plugin: str) -> None:
        uuid = hoplite.run(plugin)["uuid"]
        answer = hoplite.client.delete(f"/jobs/{uuid}")
        assert (answer.status_code, answer.json()) == (200, {"uuid": uuid, "deleted": True})
        for path in (f"/jobs/{uuid}", f"/jobs/{uuid}/output"):
            assert hoplite.client.get(path).status_code == 404
        assert hoplite.client.delete(f"/jobs/{uuid}").status_code == 404

    def test_a_job_that_was_never_started(self, hoplite: Hoplite) -> None:
        uuid = hoplite.create("jobs.ok")["uuid"]
        assert hoplite.client.delete(f"/jobs/{uuid}").status_code == 200

    def test_a_running_job_is_refused(self, hoplite: Hoplite) -> None:
        job = hoplite.reported("jobs.sleep")
        answer = hoplite.client.delete(f"/jobs/{job['uuid']}")
        assert answer.status_code == 409
        assert answer.json() == {"error": f"Job UUID: {job['uuid']} is not over, kill it first"}
        assert hoplite.get(job["uuid"]) == job
        hoplite.client.put(f"/jobs/{job['uuid']}/kill")


class TestTimeout:
    def test_ends_a_job_as_failed(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.sleep", timeout=0.5)
        assert (job["timeout"], job["killed"], job["cause"], job["signal"]) == (0.5, False, "timeout", 15)
        assert job["status"]["exception"]["type"] == "JobTimeout"

    def test_does_nothing_to_a_quicker_one(self, hoplite: Hoplite) -> None:
        job = hoplite.run("jobs.ok", timeout=60)
        assert (job["timeout"], job["exit_code"], job["status"]) == (60, 0, {})


class TestIdempotencyKey:
    def test_makes_one_job_of_many_requests(self, hoplite: Hoplite) -> None:
        body = {"name": "jobs.ok", "run": True, "labels": {"set": "same"}}

        def send() -> httpx.Response:
            return hoplite.client.post("/jobs", json=body, headers={"Idempotency-Key": "one"})

        with ThreadPoolExecutor(10) as clients:
            answers = [answer.result() for answer in [clients.submit(send) for _ in range(10)]]
        assert {answer.status_code for answer in answers} == {201}
        (uuid,) = {answer.json()["uuid"] for answer in answers}
        assert hoplite.finished(uuid)["exit_code"] == 0
        assert hoplite.client.get("/jobs", params={"label": "set=same"}).json()["total"] == 1
        again = send().json()
        assert (again["uuid"], again["finished"]) == (uuid, True)

    def test_of_another_request_is_refused(self, hoplite: Hoplite) -> None:
        headers = {"Idempotency-Key": "two"}
        assert hoplite.client.post("/jobs", json={"name": "jobs.ok"}, headers=headers).status_code == 201
        answer = hoplite.client.post("/jobs", json={"name": "jobs.ok", "config": {"a": 1}}, headers=headers)
        assert answer.status_code == 409
        assert answer.json() == {"error": "The Idempotency-Key 'two' belongs to a request with another body"}

    def test_another_one_makes_another_job(self, hoplite: Hoplite) -> None:
        made = {
            hoplite.client.post("/jobs", json={"name": "jobs.ok"}, headers={"Idempotency-Key": key}).json()["uuid"]
            for key in ("three", "four")
        }
        assert len(made) == 2


class TestWebhook:
    def test_gets_the_finished_job_although_the_service_was_away(self, tmp_path: Path) -> None:
        with Receiver([500]) as receiver:
            self.check(tmp_path, receiver)

    def check(self, tmp_path: Path, receiver: Receiver) -> None:
        settings = {
            "OPSGATE_HOPLITE_WEBHOOK_HOSTS": f"127.0.0.1:{receiver.port}",
            "OPSGATE_HOPLITE_WEBHOOK_SECRET": "secret",
        }
        with Hoplite(tmp_path, settings) as running:
            install(running.site)
            url = f"http://127.0.0.1:{receiver.port}/done"
            job = running.reported("jobs.until", {"file": str(tmp_path / "go")}, webhook=url)
            running.gateway.stop()
            (tmp_path / "go").touch()  # it ends while nobody is there
            running.client.close()
            assert receiver.received == []
            running.start()
            first, second = receiver.wait(2, SECONDS)
            assert first.body == second.body
            assert json.loads(second.body) == running.get(job["uuid"])
            assert second.headers["X-Opsgate-Signature"].startswith("sha256=")
