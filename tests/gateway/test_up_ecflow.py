"""The private ecflow_server of `opsgate up`: its life, who reaches it, what its jobs see, and doing without it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from opsgate import tokens
from opsgate.ecflow import loopback
from opsgate.settings import Ecflow, Server, Settings
from opsgate.up import announce, ecflow, run, state
from tests.engines.gateway import Gateway, clean_environment, free_port
from tests.engines.waiting import until

TASK = """\
%include <head.h>
ecflow_client --label=seen "$ECF_HOST"
env > %ENVIRONMENT%
ls -l /proc/$$/fd > %ENVIRONMENT%.fd
%include <tail.h>
"""
HEAD = """\
export ECF_PORT=%ECF_PORT% ECF_HOST=%ECF_HOST% ECF_NAME=%ECF_NAME% ECF_PASS=%ECF_PASS% ECF_TRYNO=%ECF_TRYNO%
export ECF_RID=$$ ECF_TIMEOUT=20
ecflow_client --init=$$
trap 'ecflow_client --abort=trap; trap 0; exit 0' 0
"""
TAIL = "ecflow_client --complete\ntrap 0\n"
CONFINED = loopback.possible()
"""Whether this system lets us keep the server to this machine; containers may not."""
OURS = {
    "OPSGATE_HOPLITE_WEBHOOK_SECRET": "secret-of-webhooks",
    "SUPERVISOR_PASSWORD": "secret-of-another-supervisord",
}


@dataclass
class Up:
    """A running `opsgate up`."""

    gateway: Gateway
    state: Path
    token: str

    @property
    def port(self) -> int:
        """That of the private ecflow_server."""
        return int(self.engine()["port"])

    def engine(self) -> dict[str, Any]:
        """What /readyz says of it."""
        found: dict[str, Any] = httpx.get(f"{self.gateway.url}/readyz", timeout=60).json()["engines"]["ecflow"]
        return found

    def runs(self) -> bool:
        """Whether it does."""
        return self.engine().get("state") == "RUNNING"

    def process(self) -> dict[str, Any]:
        """What its supervisord says of it."""
        url = f"{self.gateway.url}/supvisors/supervisor/getProcessInfo/opsgate:ecflow"
        found: dict[str, Any] = httpx.get(url, timeout=60).json()
        return found

    @property
    def is_confined(self) -> bool:
        """Whether its port is for this machine alone, as far as this system lets us see."""
        try:
            return loopback.interface(self.process()["pid"], self.port) == b"lo"
        except PermissionError:
            return False

    def client(self) -> httpx.Client:
        """Whoever has the token."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.Client(base_url=f"{self.gateway.url}/ecflow/v1", headers=headers, timeout=60)


@contextmanager
def running(directory: Path) -> Iterator[Up]:
    port = free_port()
    file = directory / "tokens.json"
    token = tokens.create(file, "tests")
    arguments = ["up", "--state-dir", str(directory / "s"), "--bind", f"127.0.0.1:{port}"]
    arguments += ["--api", "supvisors", "--api", "ecflow", *([] if CONFINED else ["--insecure"])]
    environment = {**OURS, "OPSGATE_ECFLOW_TOKENS_FILE": str(file)}
    with Gateway(arguments, port, directory / "log", environment) as gateway:
        up = Up(gateway, directory / "s", token)
        until(up.runs)
        until(lambda: up.process().get("statename") == "RUNNING")
        yield up


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/exe").exists()


def load(up: Up, name: str) -> Path:
    """A suite with one task that writes down what it sees, and the file for that."""
    home = up.state / "ecflow"
    (home / name).mkdir()
    (home / name / "t.ecf").write_text(TASK)
    (home / "head.h").write_text(HEAD)
    (home / "tail.h").write_text(TAIL)
    variables = {"ECF_INCLUDE": home, "ENVIRONMENT": home / f"{name}.env", "ECF_TRIES": 1}
    edits = "".join(f"  edit {variable} '{value}'\n" for variable, value in variables.items())
    with up.client() as client:
        text = f"suite {name}\n{edits}  task t\n    label seen ''\nendsuite\n"
        assert client.post("/suites", json={"definition": text}).status_code == 201
    return home / f"{name}.env"


def play(up: Up, name: str) -> None:
    with up.client() as client:
        assert client.put(f"/suites/{name}/status", json={"action": "begin", "force": True}).status_code == 200
        until(lambda: client.get(f"/suites/{name}/status").json()["status"] == "complete")


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("up")) as started:
        yield started


class TestReach:
    def test_it_is_for_this_machine_alone(self, up: Up) -> None:
        assert up.is_confined == CONFINED

    def test_nobody_else_commands_it(self, up: Up) -> None:
        command = ["ecflow_client", "--host", "127.0.0.1", "--port", str(up.port), "--ping"]
        environment = clean_environment({"ECF_DENIED": "1", "ECF_TIMEOUT": "5"})
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
        assert (done.returncode, "is not allowed any access" in done.stdout + done.stderr) == (1, True)

    def test_only_its_owner_reads_the_password(self, up: Up) -> None:
        file = up.state / "ecflow" / "passwd"
        assert file.stat().st_mode & 0o777 == 0o600
        assert re.fullmatch(r"opsgate localhost \d+ [A-Za-z0-9]{8}", file.read_text().splitlines()[1])


class TestJobs:
    def test_run_and_report_by_the_servers_own_name(self, up: Up) -> None:
        load(up, "named")
        play(up, "named")
        with up.client() as client:
            labels = client.get("/suites/named/t/attributes").json()["labels"]
        assert labels == [{"name": "seen", "value": socket.gethostname()}]

    def test_inherit_none_of_our_secrets(self, up: Up) -> None:
        seen = load(up, "secrets")
        play(up, "secrets")
        text = seen.read_text()
        settings = tomllib.loads((up.state / "gateway.toml").read_text())
        inet = re.search(r"^password = (.+)$", (up.state / "supervisord.conf").read_text(), re.MULTILINE)
        assert inet
        for secret in (*OURS.values(), settings["ecflow"]["password"], inet[1], up.token):
            assert secret not in text
        assert not [line for line in text.splitlines() if line.startswith(("OPSGATE_", "SUPERVISOR_PASSWORD"))]
        assert "ECF_NAME=/secrets/t" in text

    def test_inherit_none_of_our_files(self, up: Up) -> None:
        seen = load(up, "files")
        play(up, "files")
        held = seen.with_suffix(".env.fd").read_text()
        for ours in ("/lock", "supervisord", "gateway", "/jobs/"):
            assert ours not in held


class TestLife:
    def test_killed_it_comes_back_running_with_all_it_had(self, up: Up) -> None:
        load(up, "kept")
        before = up.process()["pid"]
        os.kill(before, signal.SIGKILL)
        until(lambda: up.process().get("pid") not in (0, before) and up.runs())
        with up.client() as client:
            assert "kept" in client.get("/suites").json()
        play(up, "kept")
        assert up.is_confined == CONFINED

    def test_it_ends_with_opsgate_and_begins_with_it_again(self, tmp_path: Path) -> None:
        with running(tmp_path) as first:
            load(first, "s")
            play(first, "s")
            pid, port = first.process()["pid"], first.port
        assert not alive(pid)
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
        with running(tmp_path) as second, second.client() as client:
            assert client.get("/suites/s/status").json()["status"] == "complete"
            last = second.process()["pid"]
        assert not alive(last)
        assert not [found for found in processes() if str(tmp_path) in found]


def processes() -> Iterator[str]:
    """The command lines of all processes."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue


class TestWithout:
    @pytest.fixture
    def nowhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(ecflow, "_SEARCH", str(tmp_path))
        return tmp_path / "s"

    @pytest.fixture
    def started(self, monkeypatch: pytest.MonkeyPatch) -> list[object]:
        """What `opsgate up` becomes."""
        seen: list[object] = []
        monkeypatch.setattr(os, "execve", lambda program, command, _environment: seen.append((program, command)))
        monkeypatch.setattr(announce, "when_ready", lambda _addresses, names, _state: seen.append(names))
        monkeypatch.setattr(state, "lock", lambda _state: None)
        return seen

    def settings(self, **sections: Any) -> Settings:
        return Settings(server=Server(bind=[f"127.0.0.1:{free_port()}"]), **sections)

    def test_not_installed_the_api_is_left_out(
        self, nowhere: Path, started: list[object], capsys: pytest.CaptureFixture[str]
    ) -> None:
        run(self.settings(), nowhere)
        said = capsys.readouterr().out.splitlines()[0]
        assert said.startswith("The ecFlow API is left out: no ecflow_server is installed: sudo apt-get install")
        names, command = started
        assert isinstance(names, list)
        assert ("supvisors" in names, "ecflow" in names) == (True, False)
        assert tomllib.loads((nowhere / "gateway.toml").read_text())["apis"] == names
        assert "ecflow" not in (nowhere / "supervisord.conf").read_text()
        assert isinstance(command, tuple)

    @pytest.mark.parametrize("bind", [[], ["ecflow=127.0.0.1:0"]])
    def test_not_installed_but_asked_for_by_name(self, nowhere: Path, started: list[object], bind: list[str]) -> None:
        settings = self.settings(apis=[] if bind else ["ecflow"])
        settings = msgspec.structs.replace(settings, server=Server(bind=[*settings.server.bind, *bind]))
        with pytest.raises(ecflow.MissingError, match="no ecflow_server is installed"):
            run(settings, nowhere)
        assert started == []

    @pytest.mark.parametrize("place", [Ecflow(host="elsewhere"), Ecflow(port=3141)])
    def test_not_installed_but_one_is_named(self, nowhere: Path, started: list[object], place: Ecflow) -> None:
        run(self.settings(apis=["ecflow"], ecflow=place), nowhere)
        written = tomllib.loads((nowhere / "gateway.toml").read_text())
        assert (written["ecflow"]["host"], written["ecflow"]["port"]) == (place.host, place.port)
        assert started[0] == ["ecflow"]

    def test_where_it_cannot_be_kept_to_this_machine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(loopback, "possible", lambda: False)
        with pytest.raises(ecflow.MissingError, match=r"would listen on all interfaces.*say --insecure if it may"):
            ecflow.private(self.settings(), tmp_path)
        allowed = ecflow.private(Settings(server=Server(insecure=True)), tmp_path)
        assert allowed
        assert allowed.command[-1] == "open"

    def test_the_command_line_says_it_too(self, tmp_path: Path) -> None:
        code = "from opsgate.up import ecflow; ecflow._SEARCH = '/nowhere'; from opsgate.cli import main; main()"
        arguments = ["up", "--state-dir", str(tmp_path), "--api", "ecflow", "--bind", f"127.0.0.1:{free_port()}"]
        command = [sys.executable, "-P", "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment(), timeout=60)
        assert (done.returncode, done.stdout) == (2, "")
        last = done.stderr.splitlines()[-1]
        assert last.startswith("opsgate: no ecflow_server is installed: sudo apt-get install ecflow-server")


LISTENER = """
import socket, sys
s = socket.socket()
s.bind(('0.0.0.0', 0))
{}
print(s.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def listener(listens: str = "s.listen()") -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-c", LISTENER.format(listens)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield process, json.loads(process.stdout.readline())
        process.kill()


def test_loopback_is_told_to_be_impossible_where_it_is() -> None:
    with listener() as (process, port), nullcontext() if CONFINED else pytest.raises(PermissionError):
        loopback.confine(process.pid, port, 20)


if CONFINED:

    class TestLoopback:
        """On a process of our own."""

        def test_ties_what_listens_already(self) -> None:
            with listener() as (process, port):
                assert loopback.interface(process.pid, port) == b""
                loopback.confine(process.pid, port, 20)
                loopback.confine(process.pid, port, 20)
                assert loopback.interface(process.pid, port) == b"lo"
                for host in ("127.0.0.1", "127.0.1.1"):
                    socket.create_connection((host, port), timeout=60).close()

        def test_tells_when_nothing_listens(self) -> None:
            with listener(listens="") as (process, port):
                with pytest.raises(TimeoutError, match=f"does not listen on port {port}"):
                    loopback.confine(process.pid, port, 0.1)
                with pytest.raises(LookupError, match=f"does not listen on port {port}"):
                    loopback.interface(process.pid, port)

        def test_tells_when_the_process_has_ended(self) -> None:
            with listener(listens="") as (process, port):
                process.kill()
                with pytest.raises(ProcessLookupError):
                    loopback.confine(process.pid, port, 20)
