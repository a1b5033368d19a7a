"""Jobs and what becomes of them while the service is installed into, restarted, or killed."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.gateway import Gateway, free_port
from tests.engines.hoplite import SECONDS, Hoplite, install

EXAMPLE = Path(__file__).parents[3] / "examples" / "hoplite_plugin"
MARKING = """
    import os, time
    def run(config, status):
        line = f"{status._uuid}\\n".encode()
        fd = os.open(config['file'], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(fd, line)
        os.close(fd)
        status.update({'marked': True})
"""


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Hoplite]:
    """A service that a test may maltreat."""
    with Hoplite(tmp_path, {"OPSGATE_JOBS_CORES": "10"}) as running:
        yield running


def curl(*arguments: str) -> Any:
    """What curl prints, as JSON."""
    done = subprocess.run(["curl", "--silent", *arguments], capture_output=True, check=True, timeout=SECONDS + 10)
    return json.loads(done.stdout)


def pip_install(directory: Path) -> None:
    """Install the example plugins as its README says, below a directory."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", directory, EXAMPLE], check=True, timeout=120)


def kill_all(gateway: Gateway) -> None:
    """SIGKILL for the service: master and workers at once."""
    for pid in [gateway.pid, *gateway.workers()]:
        os.kill(pid, signal.SIGKILL)
    gateway.stop()  # reaps it


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


class TestInstalledWhileItRuns:
    def test_a_plugin_is_listed_created_started_watched_killed_and_its_output_read(self, own: Hoplite) -> None:
        url, json_body = own.gateway.url, ["--header", "Content-Type: application/json", "--data"]
        assert curl(f"{url}/job_plugins") == {"job_plugins": []}
        pip_install(own.site)
        assert curl(f"{url}/job_plugins") == {"job_plugins": ["example_jobs.count", "example_jobs.fail"]}
        new = {"plugin_name": "example_jobs.count", "config": {"to": 1000, "pause": 0.1}}
        uuid = curl(f"{url}/jobs", *json_body, json.dumps(new))["uuid"]
        assert curl("--request", "PUT", f"{url}/jobs/{uuid}/start") == {"uuid": uuid, "started": True}
        assert curl(f"{url}/jobs/{uuid}/output?wait=30")["text"].startswith("1 of 1000\n")
        job = own.until(uuid, lambda job: job["status"].get("done", 0) >= 3)
        assert (job["running"], job["status"]["state"]) == (True, "counting")
        assert [each["uuid"] for each in curl(f"{url}/jobs/running")["jobs"]] == [uuid]
        assert curl("--request", "PUT", f"{url}/jobs/{uuid}/kill") == {"uuid": uuid, "killed": True}
        over = curl(f"{url}/jobs/{uuid}?wait=30")["job"]
        assert (over["running"], over["finished"], over["killed"]) == (False, True, True)
        lines = curl(f"{url}/jobs/{uuid}/output")["text"].splitlines()
        assert lines[: over["status"]["done"]] == [f"{number + 1} of 1000" for number in range(over["status"]["done"])]

    def test_a_job_can_install_one(self, tmp_path: Path) -> None:
        settings = {"OPSGATE_HOPLITE_BUILTIN_PLUGINS": "install_python_package_job"}
        with Hoplite(tmp_path, settings) as running:
            command = f"--quiet --no-deps --no-build-isolation --target {running.site} {EXAMPLE}"
            job = running.run("hoplite.plugins.install_python_package_job", {"PIP_CMD": command})
            assert job["status"]["succeeded"] is True
            assert running.run("example_jobs.count", {"to": 2})["status"] == {"state": "counted", "done": 2}

    def test_an_upgrade_counts_from_the_next_job_on(self, own: Hoplite) -> None:
        install(own.site, {"a job": "def run(config, status):\n    status.update({'version': 1})"})
        assert own.run("a job")["status"] == {"version": 1}
        install(own.site, {"a job": "def run(config, status):\n    status.update({'version': 2, 'more': True})"})
        assert own.run("a job")["status"] == {"version": 2, "more": True}


class TestKilled:
    def test_everything_but_the_job_it_runs_on_and_its_end_is_recorded(self, own: Hoplite) -> None:
        install(own.site)
        go = own.site / "go"
        job = own.reported("jobs.until", {"file": str(go)})
        longer = own.reported("jobs.sleep", {"seconds": 300})
        waiting = own.create("jobs.ok")["job"]
        kill_all(own.gateway)
        assert is_alive(job["pid"])
        go.touch()
        end = time.monotonic() + SECONDS
        while is_alive(job["pid"]):
            assert time.monotonic() < end
            time.sleep(0.05)
        own.client.close()
        own.start()
        over = own.finished(job["uuid"])
        assert (over["exit_code"], over["status"]) == (0, {"state": "done"})
        assert over["finished_at"] - over["started_at"] < SECONDS
        assert own.get(longer["uuid"]) == longer
        assert own.get(waiting["uuid"]) == waiting
        own.client.put(f"/jobs/{longer['uuid']}/kill")
        assert own.finished(longer["uuid"])["killed"] is True
        assert own.client.put(f"/jobs/{waiting['uuid']}/start").status_code == 200
        assert own.finished(waiting["uuid"])["exit_code"] == 0

    def test_statuses_are_repeated_until_the_service_is_back(self, own: Hoplite) -> None:
        install(own.site)
        source = """
            import multiprocessing, os, time
            def report(status):
                for number in range(3):
                    status.update({'number': number})
            def run(config, status):
                status.update({'ready': True})
                while not os.path.exists(config['go']):
                    time.sleep(0.02)
                process = multiprocessing.get_context('spawn').Process(target=report, args=(status,))
                process.start()
                process.join()
        """
        install(own.site, {"late": source}, "late_jobs")
        go = own.site / "go"
        job = own.reported("late", {"go": str(go)})
        kill_all(own.gateway)
        go.touch()
        time.sleep(1)  # it tries meanwhile
        own.client.close()
        own.start()
        assert own.finished(job["uuid"])["status"] == {"number": 2}

    def test_the_jobs_runner_the_job_is_lost_with_all_of_it(self, own: Hoplite) -> None:
        install(own.site)
        job = own.reported("jobs.stubborn")
        stat = Path(f"/proc/{job['pid']}/stat").read_text()
        os.kill(int(stat.rpartition(") ")[2].split()[1]), signal.SIGKILL)  # its parent
        over = own.finished(job["uuid"])
        assert (over["cause"], over["killed"], over["status"]["exception"]["type"]) == ("lost", False, "JobLost")
        assert [pid for pid in over["status"]["pids"] if is_alive(pid)] == []


class TestRestarted:
    def test_everything_is_as_it_was(self, own: Hoplite) -> None:
        install(own.site)
        finished, created = own.run("jobs.fail"), own.create("jobs.ok")["job"]
        running = own.reported("jobs.sleep", {"seconds": 300})
        text = own.client.get(f"/jobs/{finished['uuid']}/output", params={"stream": "stderr"}).json()
        own.gateway.stop()
        own.client.close()
        own.start()
        assert own.client.get("/jobs").json() == {"jobs": [finished, created, running], "total": 3}
        assert own.client.get(f"/jobs/{finished['uuid']}/output", params={"stream": "stderr"}).json() == text


class TestStorm:
    JOBS = 200

    def test_none_is_lost_and_none_runs_twice_while_workers_are_killed(self, own: Hoplite, tmp_path: Path) -> None:
        install(own.site, {"mark": MARKING})
        marks, over = tmp_path / "marks", threading.Event()
        murderer = threading.Thread(target=self.kill_workers, args=(own.gateway, over))
        murderer.start()
        try:
            with ThreadPoolExecutor(8) as clients:
                uuids = list(clients.map(lambda number: self.one(own.gateway.url, number, marks), range(self.JOBS)))
                jobs = list(clients.map(lambda uuid: self.end(own.gateway.url, uuid), uuids))
        finally:
            over.set()
            murderer.join()
        assert len(set(uuids)) == self.JOBS
        assert Counter(job["exit_code"] for job in jobs) == {0: self.JOBS}
        assert Counter(marks.read_text().split()) == dict.fromkeys(uuids, 1)
        listed = own.client.get("/jobs", params={"limit": 0, "state": "finished"}).json()
        assert listed["total"] == self.JOBS

    def kill_workers(self, gateway: Gateway, over: threading.Event) -> None:
        for turn in itertools.count():
            if over.wait(1.5):
                return
            if workers := gateway.workers():
                os.kill(workers[turn % len(workers)], signal.SIGKILL)

    def one(self, url: str, number: int, marks: Path) -> str:
        """Create and start a job, as often as it takes."""
        body = {"name": "mark", "config": {"file": str(marks)}, "labels": {"number": str(number)}}
        created = insist("POST", f"{url}/jobs", json=body, headers={"Idempotency-Key": f"job-{number}"})
        uuid = str(created.json()["uuid"])
        started = insist("PUT", f"{url}/jobs/{uuid}/start")
        assert started.status_code in (200, 403)  # 403: started by an attempt whose answer was lost
        return uuid

    def end(self, url: str, uuid: str) -> Any:
        job: dict[str, Any] = {"finished": False}
        end = time.monotonic() + 4 * SECONDS
        while not job["finished"]:
            assert time.monotonic() < end, job
            job = insist("GET", f"{url}/jobs/{uuid}", params={"wait": 10}).json()
        return job


def insist(method: str, url: str, **parts: Any) -> httpx.Response:
    """Send a request until it is answered."""
    end = time.monotonic() + 2 * SECONDS
    while True:
        try:
            return httpx.request(method, url, timeout=SECONDS, **parts)
        except httpx.TransportError:
            assert time.monotonic() < end
            time.sleep(0.05)


class TestUp:
    def test_keeps_jobs_below_its_state_directory_and_loses_none(self, tmp_path: Path) -> None:
        site, state, port = tmp_path / "site", tmp_path / "u", free_port()
        install(site)
        arguments = ["up", "--state-dir", str(state), "--api", "hoplite", "--bind", f"127.0.0.1:{port}"]
        settings = {"OPSGATE_HOPLITE_PLUGIN_PATHS": str(site), "OPSGATE_SERVER_GRACEFUL_TIMEOUT": "1"}
        with Gateway(arguments, port, tmp_path / "log", settings) as gateway:
            body = {"name": "jobs.until", "config": {"file": str(tmp_path / "go")}, "run": True}
            uuid = httpx.post(f"{gateway.url}/hoplite/jobs", json=body, timeout=60).json()["uuid"]
            assert (state / "jobs" / "jobs.db").exists()
            end = time.monotonic() + SECONDS
            while not (job := httpx.get(f"{gateway.url}/hoplite/jobs/{uuid}", timeout=60).json())["status"]:
                assert time.monotonic() < end
        assert is_alive(job["pid"])
        (tmp_path / "go").touch()
        with Gateway(arguments, port, tmp_path / "log", settings) as gateway:
            over = httpx.get(
                f"{gateway.url}/hoplite/jobs/{uuid}", params={"wait": SECONDS}, timeout=SECONDS + 10
            ).json()
        assert (over["exit_code"], over["status"]) == (0, {"state": "done"})
