"""The README's examples, as they stand there, on an `opsgate up` of their own."""

import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.gateway import Gateway, free_port
from tests.engines.waiting import until
from tests.handlers.hoplite.test_survival import pip_install

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def examples() -> dict[str, str]:
    """The lines of each example, by its name; answers that are shown with them are left out."""
    section = README.split("## Five examples")[1].split("\n## ")[0]
    parts = re.split(r"^\*\*(.+?)\.\*\*|^In a second terminal\. \*\*(.+?)\.\*\*", section, flags=re.MULTILINE)
    named = zip(
        (first or second for first, second in zip(parts[1::3], parts[2::3], strict=True)), parts[3::3], strict=True
    )
    return {name: "\n".join(_commands(text)) for name, text in named}


def _commands(text: str) -> Iterator[str]:
    for line in re.findall(r"^    (.+)$", text, flags=re.MULTILINE):
        if not line.startswith("{"):
            yield line


@dataclass
class Newcomer:
    """Somebody in a directory of his own, whose service is at another port than the README's."""

    gateway: Gateway
    directory: Path

    def run(self, lines: str) -> list[str]:
        """What the lines print, each curl by itself."""
        moved = lines.replace("http://localhost:8000", self.gateway.url)
        script = moved.replace("~/.local/state/opsgate", str(self.directory / "state"))
        script = script.replace("curl ", "curl --silent --show-error --write-out '\\n----\\n' ")
        done = subprocess.run(
            ["bash", "-euc", script], cwd=self.directory, capture_output=True, text=True, timeout=120, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), done
        return [answer.strip() for answer in done.stdout.split("\n----\n")][:-1]

    def get(self, path: str) -> Any:
        """A JSON answer."""
        return httpx.get(f"{self.gateway.url}{path}", timeout=60).json()


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newcomer]:
    """In a copy of what the examples name, with a Python of his own to install plugins into."""
    directory = tmp_path_factory.mktemp("n")
    (directory / "examples").symlink_to(ROOT / "examples")
    port = free_port()
    venv.create(directory / ".venv", with_pip=False, symlinks=True)
    (directory / ".venv" / "bin" / "opsgate").symlink_to(Path(sys.executable).with_name("opsgate"))
    environment = {
        "OPSGATE_HOPLITE_PLUGIN_PATHS": str(directory / "plugins"),
        "OPSGATE_ECFLOW_TOKENS_FILE": str(directory / "api-tokens.json"),
    }
    arguments = ["up", "--state-dir", str(directory / "state"), "--bind", f"127.0.0.1:{port}"]
    with Gateway(arguments, port, directory / "log", environment) as gateway:
        found = Newcomer(gateway, directory)
        until(lambda: found.get("/readyz")["ready"])
        yield found


class TestExamples:
    def test_there_are_five(self) -> None:
        assert list(examples()) == ["Processes", "Workflows", "Python jobs", "Cluster jobs", "Scheduled tasks"]

    def test_processes(self, newcomer: Newcomer) -> None:
        reload, add, start, log, stop, unknown = newcomer.run(examples()["Processes"])
        assert (reload, add, start, stop) == ('[[["my_movies"],[],[]]]', "true", "true", "true")
        assert log.startswith('"')
        assert unknown in README

    def test_workflows(self, newcomer: Newcomer) -> None:
        created, tree, begun = newcomer.run(examples()["Workflows"])
        assert '"s"' in created
        assert '"t"' in tree
        assert newcomer.get("/ecflow/v1/suites/s/status")["status"] in ("queued", "submitted", "active", "aborted"), (
            begun
        )

    def test_python_jobs(self, newcomer: Newcomer) -> None:
        pip, *lines = examples()["Python jobs"].splitlines()
        assert pip == ".venv/bin/python -m pip install ./examples/hoplite_plugin"
        pip_install(newcomer.directory / "plugins")
        plugins, created, listed = newcomer.run("\n".join(lines))
        assert "example_jobs.count" in plugins
        assert '"created_at"' in created
        assert '"total":1' in listed
        until(lambda: newcomer.get("/hoplite/jobs")["jobs"][0]["finished"])
        assert newcomer.get("/hoplite/jobs")["jobs"][0]["exit_code"] == 0

    def test_cluster_jobs(self, newcomer: Newcomer) -> None:
        submitted, listed = newcomer.run(examples()["Cluster jobs"])
        assert '"Message":"Job submit."' in submitted
        assert '"name":"hostname"' in listed
        until(lambda: newcomer.get("/flux/jobs?details=true&listing=true")["jobs"][0]["state"] == "INACTIVE")
        assert newcomer.get("/flux/jobs?details=true&listing=true")["jobs"][0]["result"] == "COMPLETED"

    def test_scheduled_tasks(self, newcomer: Newcomer) -> None:
        created, *_ = newcomer.run(examples()["Scheduled tasks"])
        assert '"class":"CodeTask"' in created
        until(lambda: newcomer.get("/redengine/returns") == {"hello": 42})
        assert newcomer.get("/redengine/logs?action=success&limit=1")[0]["task_name"] == "hello"
