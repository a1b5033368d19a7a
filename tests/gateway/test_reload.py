"""New workers, new settings and a new process under load: no request fails, nothing that was answered is lost."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from tests.engines.gateway import Gateway, clean_environment, free_port
from tests.engines.load import CLIENTS, Load
from tests.engines.waiting import until

_LIMIT = 60.0
ENDING = "This process of the service ends; whether the request took effect is not known"
ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.execve(sys.argv[2], sys.argv[2:], {**os.environ, "LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"})
"""


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def stored(port: int) -> list[str]:
    """The jobs of `Load` that are there, by their keys."""
    answer = httpx.get(f"http://127.0.0.1:{port}/hoplite/jobs", timeout=60)
    return [job["config"]["key"] for job in answer.json()["jobs"] if "key" in job["config"]]


def counted(port: int) -> int:
    """How many answers of the Hoplite API all workers have counted, those that have ended included."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=60).text
    return sum(
        int(float(number)) for number in re.findall(r'^opsgate_requests_total{api="hoplite".*} (\S+)$', text, re.M)
    )


def workers_of(load: Load, begin: int) -> set[str]:
    """Which workers answered from some answer on; each puts a prefix of its own before its request ids."""
    return {request_id.partition("-")[0] for request_id in load.answered[begin:]}


def assert_nothing_was_lost(load: Load, port: int) -> None:
    assert load.failures == []
    assert len(load.written.acknowledged) > 0
    assert sorted(stored(port)) == sorted(load.written.acknowledged)


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A file of settings, to be changed."""
    file = tmp_path / "opsgate.toml"
    file.write_text(f"""
        apis = ["hoplite"]
        jobs.state_dir = "{tmp_path}/jobs"
        hoplite.builtin_plugins = ["command"]
    """)
    return file


def command(settings: Path, port: int) -> list[str]:
    return ["serve", "--config", str(settings), "--bind", f"127.0.0.1:{port}", "--workers", "2"]


class TestHangup:
    def test_new_workers_take_over(self, settings: Path, tmp_path: Path) -> None:
        port = free_port()
        with Gateway(command(settings, port), port, tmp_path / "log") as gateway:
            with Load(port) as load:
                load.more(50)
                old, before = set(gateway.workers()), workers_of(load, 0)
                os.kill(gateway.pid, signal.SIGHUP)
                until(lambda: len(gateway.workers()) == 2 and not old & set(gateway.workers()))
                begin = len(load.answered) + CLIENTS
                load.more(50)
            assert not before & workers_of(load, begin)
            assert_nothing_was_lost(load, port)
            until(lambda: counted(port) > len(load.answered))  # one more has looked at what is stored

    def test_what_does_not_end_is_cut_off(self, settings: Path, tmp_path: Path) -> None:
        settings.write_text(settings.read_text() + "server.graceful_timeout = 2\n")
        port = free_port()
        with Gateway(command(settings, port), port, tmp_path / "log") as gateway:
            new = {"plugin_name": "hoplite.plugins.command", "config": {}}
            job = httpx.post(f"{gateway.url}/hoplite/jobs", json=new, timeout=60).json()
            with closing(HTTPConnection("127.0.0.1", port, timeout=_LIMIT)) as client:
                client.request("GET", "/healthz")
                assert client.getresponse().read()
                client.request("GET", f"/hoplite/jobs/{job['uuid']}?wait=60")
                old = set(gateway.workers())
                os.kill(gateway.pid, signal.SIGHUP)
                until(lambda: not old & set(gateway.workers()))
                answer = client.getresponse()
                assert (answer.status, json.load(answer)) == (503, {"error": ENDING})


class TestUpgrade:
    def test_a_new_process_takes_over_and_jobs_run_on(self, settings: Path, tmp_path: Path) -> None:
        port = free_port()
        with Gateway(command(settings, port), port, tmp_path / "log") as gateway:
            new = {"plugin_name": "hoplite.plugins.command", "config": {"command": ["sleep", "600"]}, "run": True}
            uuid = httpx.post(f"{gateway.url}/hoplite/jobs", json=new, timeout=60).json()["uuid"]
            job = f"{gateway.url}/hoplite/jobs/{uuid}"
            until(lambda: httpx.get(job, timeout=60).json()["state"] == "running")
            with Load(port) as load:
                load.more(50)
                before = workers_of(load, 0)
                settings.write_text(settings.read_text().replace('["hoplite"]', '["hoplite", "flux"]'))
                os.kill(gateway.pid, signal.SIGUSR2)
                successor = until(lambda: next((child for child in gateway.workers() if children(child)), None))
                try:
                    load.more(50)
                    os.kill(gateway.pid, signal.SIGTERM)
                    assert gateway.wait() == 0
                    begin = len(load.answered) + CLIENTS
                    load.more(50)
                    served = httpx.get(gateway.url, timeout=60).json()["apis"]
                    load.stop()
                    assert_nothing_was_lost(load, port)
                    assert httpx.get(job, timeout=60).json()["state"] == "running"
                    assert httpx.put(f"{job}/kill", timeout=60).json()["killed"]
                finally:
                    os.kill(successor, signal.SIGTERM)
                    until(lambda: not Path(f"/proc/{successor}/cmdline").exists())
            assert [api["name"] for api in served] == ["hoplite", "flux"]
            assert not before & workers_of(load, begin)

    def test_one_that_cannot_start_changes_nothing(self, settings: Path, tmp_path: Path) -> None:
        port = free_port()
        with Gateway(command(settings, port), port, tmp_path / "log") as gateway:
            settings.write_text("nonsense = 1")
            os.kill(gateway.pid, signal.SIGUSR2)
            until(lambda: "opsgate: Object contains unknown field `nonsense`" in gateway.log.read_text())
            assert httpx.get(f"{gateway.url}/healthz", timeout=60).status_code == httpx.codes.OK
            until(lambda: len(gateway.workers()) == 2)


class TestSocketOfAnother:
    """As systemd's socket units have it: the socket stays open while the service is restarted."""

    def test_a_restart_keeps_requests_waiting_and_refuses_none(self, settings: Path, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
            port: int = listening.getsockname()[1]
            first = started(settings, listening, tmp_path / "log")
            try:
                with Load(port) as load:
                    load.more(50)
                    before = workers_of(load, 0)
                    first.send_signal(signal.SIGTERM)
                    assert first.wait(_LIMIT) == 0
                    begin = len(load.answered)
                    first = started(settings, listening, tmp_path / "log")
                    load.more(50)
                assert not before & workers_of(load, begin + CLIENTS)
                assert_nothing_was_lost(load, port)
            finally:
                first.terminate()
                first.wait(_LIMIT)


def started(settings: Path, listening: socket.socket, log: Path) -> subprocess.Popen[bytes]:
    """A gateway that is given a socket as systemd gives it: as descriptor 3, told in variables."""
    arguments = [sys.executable, "-P", "-m", "opsgate", *command(settings, listening.getsockname()[1])]
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-c", ACTIVATE, str(listening.fileno()), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(),
            pass_fds=[listening.fileno()],
            start_new_session=True,
        )
