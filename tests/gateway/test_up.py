"""`opsgate up` as a newcomer uses it, the document's own examples included."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import requests

from tests.engines.gateway import Gateway, clean_environment, free_port
from tests.engines.waiting import until

EXAMPLE = Path(__file__).parents[2] / "examples" / "my_movies" / "my_movies.conf"


@dataclass
class Up:
    """A running `opsgate up`: `url` with every API below its prefix, `own` with Supvisors at the root."""

    gateway: Gateway
    url: str
    own: str
    state: Path


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    directory = tmp_path_factory.mktemp("up")
    port, own = free_port(), free_port()
    state = directory / "state"
    arguments = ["up", "--state-dir", str(state), "--api", "supvisors"]
    arguments += ["--bind", f"127.0.0.1:{port}", "--bind", f"supvisors=127.0.0.1:{own}"]
    with Gateway(arguments, port, directory / "log") as running:
        until(lambda: httpx.get(f"{running.url}/readyz", timeout=60).status_code == httpx.codes.OK)
        yield Up(running, running.url, f"http://127.0.0.1:{own}", state)


@pytest.fixture(scope="module")
def movies(up: Up) -> Up:
    """The example's programs, added as its comment says."""
    shutil.copy(EXAMPLE, up.state / "programs")
    assert requests.post(f"{up.own}/supervisor/reloadConfig", timeout=60).json() == [[["my_movies"], [], []]]
    assert requests.post(f"{up.own}/supervisor/addProcessGroup/my_movies", timeout=60).json() is True
    known = f"{up.own}/supvisors/process_info/my_movies:converter_00"
    until(lambda: requests.get(known, timeout=60).status_code == httpx.codes.OK)
    return up


def curl(*arguments: str) -> str:
    return subprocess.run(["curl", "--silent", *arguments], capture_output=True, text=True, check=True).stdout


class TestStart:
    def test_says_what_is_reachable_where(self, up: Up) -> None:
        until(lambda: "Ready:" in up.gateway.log.read_text())
        text = up.gateway.log.read_text()
        for expected in (f"{up.url}/supvisors/", f"{up.url}/ui/", f"{up.own}/", f"{up.state}/programs/*.conf"):
            assert expected in text

    def test_its_state_is_private(self, up: Up) -> None:
        assert up.state.stat().st_mode & 0o777 == 0o700
        for secret in ("supervisord.conf", "gateway.toml"):
            assert (up.state / secret).stat().st_mode & 0o777 == 0o600

    def test_a_second_one_on_the_same_state_is_refused(self, up: Up) -> None:
        command = [sys.executable, "-m", "opsgate", "up", "--state-dir", str(up.state), "--bind"]
        done = subprocess.run(
            [*command, f"127.0.0.1:{free_port()}"],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
            timeout=60,
        )
        assert (done.returncode, "another `opsgate up` runs" in done.stderr) == (2, True)

    def test_a_taken_address_is_refused_by_name(self, up: Up, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "opsgate", "up", "--state-dir", str(tmp_path), "--bind"]
        taken = up.url.removeprefix("http://")
        done = subprocess.run(
            [*command, taken], capture_output=True, text=True, check=False, env=clean_environment(), timeout=60
        )
        assert (done.returncode, done.stderr) == (2, f"opsgate: server.bind: {taken}: Address already in use\n")

    def test_shows_its_own_processes(self, up: Up) -> None:
        info = requests.get(f"{up.url}/supvisors/supervisor/getProcessInfo/opsgate:gateway", timeout=60).json()
        assert info["statename"] == "RUNNING"

    def test_nobody_else_gets_into_the_tcp_server(self, up: Up) -> None:
        port = re.search(r"port = 127.0.0.1:(\d+)", (up.state / "supervisord.conf").read_text())
        assert port
        assert requests.get(f"http://127.0.0.1:{port[1]}/", timeout=60).status_code == httpx.codes.UNAUTHORIZED


class TestDocument:
    """The examples of the document, with its own command lines."""

    def test_supvisors_state(self, movies: Up) -> None:
        answer = curl("-X", "GET", f"{movies.own}/supvisors/supvisors_state", "-H", "accept: application/json")
        assert '"fsm_statename":"OPERATION","degraded_mode":false' in answer
        assert '"starting_jobs":[],"stopping_jobs":[]' in answer

    def test_start_process_and_start_it_again(self, movies: Up) -> None:
        url = f"{movies.own}/supvisors/start_process/CONFIG/my_movies%3Aconverter_00?extra_args=-x%202&wait=false"
        requests.post(f"{movies.own}/supvisors/stop_process/my_movies:converter_00", timeout=60)
        assert curl("-X", "POST", url, "-H", "accept: application/json") == "true"
        running = f"{movies.own}/supvisors/process_info/my_movies:converter_00"
        until(lambda: requests.get(running, timeout=60).json()[0]["statename"] == "RUNNING")
        again = curl("-X", "POST", url, "-H", "accept: application/json")
        assert again == '{"message":"ALREADY_STARTED: my_movies:converter_00","code":60}'
        log = f"{movies.own}/supervisor/readProcessStdoutLog/my_movies:converter_00/0/100"
        until(lambda: "converting with: -x 2" in requests.get(log, timeout=60).json())

    def test_a_fault(self, movies: Up) -> None:
        answer = curl("-X", "GET", f"{movies.own}/supvisors/application_info/dummy", "-H", "accept: application/json")
        assert answer == '{"message":"BAD_NAME: application=dummy unknown to Supvisors","code":10}'

    def test_python_requests(self, movies: Up) -> None:
        shown = requests.get(f"{movies.own}/supvisors/supvisors_state", timeout=60).json()
        assert shown["fsm_statename"] == "OPERATION"
        address = f"{movies.own}/supvisors/start_process/LESS_LOADED/my_movies%3Aconverter_01"
        started = requests.post(f"{address}?extra_args=-x%201&wait=true", timeout=60)
        assert started.json() is True

    def test_the_same_below_the_prefix(self, movies: Up) -> None:
        answer = requests.get(f"{movies.url}/supvisors/supvisors/application_info/my_movies", timeout=60).json()
        assert answer["application_name"] == "my_movies"

    def test_host_statistics_can_be_enabled(self, movies: Up) -> None:
        for switch in ("enable", "disable"):
            assert requests.post(f"{movies.own}/supvisors/{switch}_host_statistics", timeout=60).json() is True


class TestStop:
    def test_ctrl_c_stops_everything(self, tmp_path: Path) -> None:
        port = free_port()
        arguments = ["up", "--state-dir", str(tmp_path / "s"), "--api", "supvisors", "--bind", f"127.0.0.1:{port}"]
        with Gateway(arguments, port, tmp_path / "log") as running:
            children = running.workers()
            assert children
            os.kill(running.pid, signal.SIGINT)
            until(lambda: not Path(f"/proc/{running.pid}/exe").exists() or running.stop() == 0)
        assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]


def is_alive(pid: int) -> bool:
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())  # a zombie has none
    except OSError:
        return False


class TestKilled:
    def test_supervisord_takes_its_gateway_with_it_and_another_one_starts_on_the_same_state(
        self, tmp_path: Path
    ) -> None:
        port = free_port()
        arguments = ["up", "--state-dir", str(tmp_path / "s"), "--api", "hoplite", "--bind", f"127.0.0.1:{port}"]
        with Gateway(arguments, port, tmp_path / "log") as running:
            serving = [pid for pid in running.workers() if b"serve" in Path(f"/proc/{pid}/cmdline").read_bytes()]
            os.kill(running.pid, signal.SIGKILL)
            running.stop()  # reaps it
            assert len(serving) == 1
            until(lambda: not is_alive(serving[0]))
        with Gateway(arguments, port, tmp_path / "log") as again:
            assert again.stop() == 0
