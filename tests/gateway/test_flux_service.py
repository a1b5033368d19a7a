"""The live Flux API on two workers: who gets in, what both show, how it starts and stops."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.flux import SECONDS, USER, Flux
from tests.engines.gateway import Gateway, free_port

SECRETS = {"FLUX_USER": "fluxuser", "FLUX_TOKEN": "hush-token", "FLUX_SECRET_KEY": "hush-key", "OTHER": "hush-other"}


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flux]:
    with Flux(tmp_path_factory.mktemp("flux"), SECRETS) as running:
        yield running
        assert "Traceback" not in running.gateway.log.read_text()


def everywhere(url: str, path: str, times: int = 8, **options: Any) -> list[httpx.Response]:
    """What is answered on so many new connections: by both workers, as good as certainly."""
    with ThreadPoolExecutor(times) as threads:
        asked = [threads.submit(httpx.get, f"{url}{path}", timeout=SECONDS, **options) for _ in range(times)]
        return [answer.result() for answer in asked]


class TestJobs:
    def test_what_was_submitted_is_seen_by_all_workers(self, flux: Flux) -> None:
        for _ in range(5):
            number = flux.submit("true")
            assert {answer.status_code for answer in everywhere(flux.gateway.url, f"/jobs/{number}", 4)} == {200}
            for answer in everywhere(flux.gateway.url, "/v1/jobs?limit=20", 4):
                assert number in [job["id"] for job in answer.json()["jobs"]]

    def test_many_at_once_are_all_there(self, flux: Flux) -> None:
        def submit(number: int) -> int:
            answer = httpx.post(
                f"{flux.gateway.url}/jobs/submit", json={"command": f"echo {number}", "name": "crowd"}, timeout=SECONDS
            )
            return int(answer.json()["id"])

        with ThreadPoolExecutor(8) as threads:
            numbers = set(threads.map(submit, range(40)))
        assert len(numbers) == 40
        for number in numbers:
            assert flux.finished(number)["result"] == "COMPLETED"
        assert {job["id"] for job in flux.client.get("/jobs?name=crowd").json()["jobs"]} == numbers

    def test_have_none_of_the_secrets(self, flux: Flux) -> None:
        number = flux.submit("env", envars={"MINE": "told"})
        flux.finished(number)
        told = "".join(flux.output(number))
        assert "MINE=told" in told
        assert "hush" not in told

    def test_waiting_for_the_end(self, flux: Flux) -> None:
        number = flux.submit("sleep 0.3")
        assert flux.client.get(f"/jobs/{number}?wait=30").json()["job"]["state"] == 64
        number = flux.submit("sleep 60")
        assert flux.get(number, 0.1)["state"] != "INACTIVE"
        flux.client.post(f"/jobs/{number}/cancel")
        assert flux.finished(number)["result"] == "CANCELED"

    def test_filters(self, flux: Flux) -> None:
        began = time.time()
        failed, running = flux.submit("false", name="filtered"), flux.submit("sleep 60", name="filtered")
        flux.finished(failed)
        flux.until(running, lambda job: job["state"] == "RUN")

        def listed(query: str) -> list[int]:
            return [job["id"] for job in flux.client.get(f"/jobs?name=filtered&{query}").json()["jobs"]]

        assert listed("") == [running, failed]
        assert listed("states=RUNNING") == [running]
        assert listed("results=FAILED") == listed("states=INACTIVE") == [failed]
        assert listed("limit=1&offset=1") == [failed]
        assert listed(f"since={began}") == [running, failed]
        assert listed(f"since={time.time() + 60}") == [running]
        flux.client.post(f"/jobs/{running}/cancel")
        flux.finished(running)

    def test_dependencies_and_urgency(self, flux: Flux) -> None:
        held = flux.submit("true", urgency=0)
        after = flux.submit("true", dependencies=f"afterok:{held}")
        assert flux.get(held)["state"] in ("PRIORITY", "SCHED")
        assert flux.get(after)["state"] == "DEPEND"
        assert flux.client.post(f"/jobs/{held}/urgency", json={"urgency": 16}).status_code == 200
        assert flux.finished(held)["t_inactive"] <= flux.finished(after)["t_run"]

    def test_output_while_it_is_written(self, flux: Flux) -> None:
        number = flux.submit(["sh", "-c", "echo begun; exec sleep 60"])
        with flux.client.stream("GET", f"/jobs/{number}/output/stream") as stream:
            texts = stream.iter_text()
            assert next(texts) == "begun\n"
            assert flux.output(number) == ["begun\n"]
            assert flux.client.head(f"/jobs/{number}/output/stream").headers["content-type"].startswith("text/plain")
            flux.client.post(f"/jobs/{number}/cancel")
            assert list(texts) == []
        assert flux.client.get("/jobs/12345/output/stream").status_code == 404

    def test_an_unchanged_list_is_304_from_any_worker(self, flux: Flux) -> None:
        flux.finished(flux.submit("true"))
        tag = flux.client.get("/jobs").headers["etag"]
        assert {
            answer.status_code for answer in everywhere(flux.gateway.url, "/jobs", headers={"If-None-Match": tag})
        } == {304}
        flux.finished(flux.submit("true"))
        assert {
            answer.status_code for answer in everywhere(flux.gateway.url, "/jobs", headers={"If-None-Match": tag})
        } == {200}


class Follower:
    """Reads server-sent events as they come."""

    def __init__(self, flux: Flux, query: str = "", last: str | None = None) -> None:
        headers = {"Last-Event-ID": last} if last else {}
        self._stream = httpx.stream("GET", f"{flux.gateway.url}/jobs/events{query}", headers=headers, timeout=SECONDS)
        self._lines = self._stream.__enter__().iter_lines()
        assert next(self._lines) == ": connected"

    def read(self, name: str) -> tuple[list[str], str]:
        """The names of all events up to one of this name, and its id."""
        names: list[str] = []
        number = ""
        for line in self._lines:
            if line.startswith("id: "):
                number = line.removeprefix("id: ")
            if line.startswith("data: "):
                names.append(json.loads(line.removeprefix("data: "))["name"])
                if names[-1] == name:
                    return names, number
        return names, number

    def close(self) -> None:
        self._stream.__exit__(None, None, None)


class TestEvents:
    LIFE = ("submit", "validate", "depend", "priority", "alloc", "start", "finish", "release", "free", "clean")

    def test_of_one_job_from_the_first_to_the_last(self, flux: Flux) -> None:
        number = flux.submit("true")
        flux.finished(number)
        lines = flux.client.get(f"/jobs/events?uid={number}").text.splitlines()
        names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        assert [name for name in names if name in self.LIFE] == list(self.LIFE)
        (finish,) = [json.loads(line[6:]) for line in lines if '"name":"finish"' in line]
        assert (finish["id"], finish["context"]) == (number, {"status": 0})

    def test_none_is_lost_between_two_streams(self, flux: Flux) -> None:
        assert flux.client.head("/jobs/events").headers["content-type"].startswith("text/event-stream")
        follower = Follower(flux)
        flux.submit("true")
        _, last = follower.read("clean")
        follower.close()
        flux.finished(flux.submit("false"))
        again = Follower(flux, last=last)
        names, _ = again.read("clean")
        again.close()
        assert [name for name in names if name in self.LIFE] == list(self.LIFE)

    def test_of_nothing(self, flux: Flux) -> None:
        assert flux.client.get("/jobs/events?uid=12345").status_code == 404
        assert flux.client.get("/jobs/events?uid=abc").status_code == 400
        assert flux.client.get("/jobs/events", headers={"Last-Event-ID": "no such"}).status_code == 400


class TestLife:
    def test_a_dead_worker_is_replaced_and_takes_no_job_with_it(self, flux: Flux) -> None:
        number = flux.submit("sleep 60")
        flux.until(number, lambda job: job["state"] == "RUN")
        for worker in flux.gateway.workers():
            os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                answer = httpx.get(f"{flux.gateway.url}/v1/jobs/{number}", timeout=SECONDS)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        assert answer.json()["state"] == "RUN"
        flux.client.close()
        flux.client = httpx.Client(base_url=flux.gateway.url, timeout=SECONDS + 10)
        flux.client.post(f"/jobs/{number}/cancel")
        assert flux.finished(number)["result"] == "CANCELED"

    def test_what_was_accepted_is_there_after_the_worst_end(self, tmp_path: Path) -> None:
        flux = Flux(tmp_path)
        running = flux.submit("sleep 600")
        flux.until(running, lambda job: job["state"] == "RUN")
        accepted: list[int] = []

        def submit(_number: int) -> None:
            with suppress(httpx.TransportError):
                body = {"command": "true", "name": "worst"}
                answer = httpx.post(f"{flux.gateway.url}/jobs/submit", json=body, timeout=SECONDS)
                accepted.append(answer.json()["id"])

        with ThreadPoolExecutor(8) as threads:
            asked = [threads.submit(submit, number) for number in range(100)]
            deadline = time.monotonic() + SECONDS
            while len(accepted) < 20:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            os.killpg(flux.gateway.pid, signal.SIGKILL)  # master and workers
            for each in asked:
                each.result()
        flux.client.close()
        flux.gateway.stop()
        assert len(accepted) < 100
        with Flux(tmp_path) as again:
            assert again.get(running)["state"] == "RUN"
            assert {again.finished(number)["result"] for number in accepted} == {"COMPLETED"}
            listed = [job["id"] for job in again.client.get("/jobs?name=worst&results=COMPLETED").json()["jobs"]]
            assert set(accepted) <= set(listed)


class TestStop:
    def test_is_refused_beside_other_apis(self, tmp_path: Path) -> None:
        with Flux(tmp_path, prefix="/flux") as flux:
            for base in ("", "/v1"):
                answer = flux.client.post(f"{base}/service/stop")
                assert (answer.status_code, "[flux] stop" in answer.json()["Message"]) == (403, True)
            assert flux.client.get("/nodes").status_code == 200


class TestStart:
    def test_says_who_gets_in_and_what_runs_the_jobs(self, flux: Flux) -> None:
        told = flux.gateway.log.read_text()
        assert "Require auth: False\n   Flux user: ********\n  Flux token: ********\n" in told
        assert "engine local: asked for" in told
        assert "hush" not in told

    def test_credentials_are_needed_but_there_are_none(self, tmp_path: Path) -> None:
        environment = {"FLUX_REQUIRE_AUTH": "yes", "FLUX_USER": "", "PORT": str(free_port()), "HOST": "127.0.0.1"}
        environment |= {"OPSGATE_JOBS_STATE_DIR": str(tmp_path / "state"), "WORKERS": "1"}
        with Gateway(["flux"], int(environment["PORT"]), tmp_path / "log", environment) as gateway:
            for auth in (None, ("", ""), ("fluxuser", "12345")):
                answer = httpx.get(f"{gateway.url}/jobs", auth=auth, timeout=60)
                assert (answer.status_code, answer.json()["Message"]) == (401, "Missing FLUX_USER and/or FLUX_TOKEN")
            assert len(gateway.workers()) == 1
            told = gateway.log.read_text()
        assert "Require auth: True\n   Flux user: unset\n  Flux token: unset\n" in told
        assert "Missing FLUX_USER and/or FLUX_TOKEN: every request is refused" in told

    def test_with_credentials_it_may_be_reached_by_others(self, tmp_path: Path) -> None:
        user = {name: text for name, text in USER.items() if name != "FLUX_SECRET_KEY"}
        environment = {**user, "HOST": "0.0.0.0", "OPSGATE_JOBS_STATE_DIR": str(tmp_path / "state")}
        port = free_port()
        with Gateway(["flux", "-p", str(port)], port, tmp_path / "log", environment) as gateway:
            assert httpx.get(f"{gateway.url}/jobs", timeout=60).status_code == 401
            assert httpx.get(f"{gateway.url}/jobs", auth=("fluxuser", "12345"), timeout=60).json() == {"jobs": []}
            form = {"username": "fluxuser", "password": "12345"}
            token = httpx.post(f"{gateway.url}/v1/login/access-token", data=form, timeout=60).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}"}  # signed with a key of its own, which all workers have
            assert {answer.status_code for answer in everywhere(gateway.url, "/nodes", 16, headers=headers)} == {200}
