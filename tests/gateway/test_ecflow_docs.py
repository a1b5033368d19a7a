"""The commands of the page about the ecFlow API, as they stand there but for the ports."""

from __future__ import annotations

import re
import shlex
import ssl
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import pytest

from opsgate.config import ENGINE_VARIABLES
from opsgate.settings import Ecflow
from tests.engines.ecflow_server import EcflowServer
from tests.engines.gateway import Gateway, clean_environment, free_port

PAGE = (Path(__file__).parents[2] / "docs" / "ecflow.md").read_text()
_INDENTED = re.compile(r"(?:^    .*\n(?:\n(?=    ))?)+", re.MULTILINE)
CERTIFICATE, ASKING, TASK = (textwrap.dedent(block).strip("\n") for block in _INDENTED.findall(PAGE))


@dataclass(frozen=True)
class Newcomer:
    """Somebody who follows the page."""

    home: Path
    gateway: Gateway
    server: EcflowServer
    token: str

    def types(self, commands: str) -> list[str]:
        """Run commands of the page, and return the lines they print."""
        return shell(self.home, self.here(commands), token=self.token)

    def here(self, text: str) -> str:
        """A text of the page with this gateway's port."""
        return text.replace("localhost:8080", self.gateway.url.removeprefix("https://"))

    def client(self) -> httpx.Client:
        """The same from Python."""
        headers = {"Authorization": f"Bearer {self.token}"}
        trust = ssl.create_default_context(cafile=self.home / ".ecflowrc" / "ssl" / "server.crt")
        return httpx.Client(base_url=f"{self.gateway.url}/v1", headers=headers, verify=trust, timeout=60)


def shell(home: Path, commands: str, **variables: str) -> list[str]:
    opsgate = f'opsgate() {{ {shlex.join([sys.executable, "-P", "-m", "opsgate"])} "$@"; }}\n'
    done = subprocess.run(
        ["bash", "-ec", opsgate + commands],
        cwd=home,
        env=clean_environment({"HOME": str(home), **variables}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    home = tmp_path_factory.mktemp("newcomer")
    *commands, start = CERTIFICATE.splitlines()
    assert start.split("#")[0].split() == ["opsgate", "ecflow"]
    (token,) = shell(home, "\n".join(commands))
    server = EcflowServer(home / "server")
    server.start()
    port = free_port()
    arguments = ["ecflow", "-h", "127.0.0.1", "-p", str(port), "--ecflow_port", str(server.port)]
    place = {"HOME": str(home), "ECF_RESTAPI_TOKENS_FILE": str(home / "api-tokens.json")}
    try:
        with Gateway(arguments, port, home / "log", place, home / ".ecflowrc" / "ssl" / "server.crt") as gateway:
            yield Newcomer(home, gateway, server, token)
    finally:
        server.terminate()


class TestCommands:
    def test_read_and_create_a_suite(self, newcomer: Newcomer) -> None:
        first, second = "".join(newcomer.types(ASKING)).split("]", 1)
        assert first == "["
        assert second == '{"path":"/s","message":"Suite(s) created successfully","suites":["s"]}'

    def test_the_task_reports(self, newcomer: Newcomer) -> None:
        server = newcomer.server
        trusting = "export CURL_CA_BUNDLE=" + str(newcomer.home / ".ecflowrc" / "ssl" / "server.crt")
        script = server.directory / "task" / "t.ecf"
        script.parent.mkdir()
        script.write_text(f"{trusting}\n{newcomer.here(TASK)}\n")
        with newcomer.client() as client:
            text = "suite task\n  edit ECF_TRIES '1'\n  task t\n    meter step 0 240\nendsuite\n"
            assert client.post("/suites", json={"definition": text}).status_code == 201
            assert client.put("/suites/task/status", json={"action": "begin"}).status_code == 200
            server.wait_for("/task/t", "complete")
            assert client.get("/suites/task/t/attributes").json()["meters"][0]["value"] == 120


class TestWords:
    def test_every_option_is_listed(self) -> None:
        listed = re.findall(r"^\| `(--\w+)`", PAGE, re.MULTILINE)
        command = [sys.executable, "-P", "-m", "opsgate", "ecflow", "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment(), timeout=60)
        offered = set(re.findall(r"^  (?:-\w, )?(--\w+)", done.stdout, re.MULTILINE))
        assert set(listed) == offered - {"--config", "--workers", "--insecure", "--help", "--http"}

    def test_every_variable_is_listed(self) -> None:
        for name, (section, _) in ENGINE_VARIABLES.items():
            assert section != "ecflow" or f"`{name}" in PAGE

    def test_settings_have_the_defaults_that_are_listed(self) -> None:
        known = msgspec.to_builtins(Ecflow())
        assert "| `--polling_interval` | `ECF_RESTAPI_POLLING_INTERVAL` | 10 s |" in PAGE
        assert (known["polling_interval"], known["max_polling_interval"]) == (10.0, 300.0)
        assert known["tokens_file"] == "api-tokens.json"
