"""The built-in plugins, called as a job calls them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.hoplite.builtin import command, install_python_package_job


class Status:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.reported: list[dict[str, Any]] = []

    def update(self, status: dict[str, Any]) -> None:
        self.reported.append(status)


def run_command(config: dict[str, Any]) -> list[dict[str, Any]]:
    status = Status()
    command.run(config, status)  # type: ignore[arg-type]  # a stand-in
    return status.reported


def run_installer(config: dict[str, Any]) -> dict[str, Any]:
    status = Status()
    install_python_package_job.run(config, status)  # type: ignore[arg-type]  # a stand-in
    (reported,) = status.reported
    return reported


class TestCommand:
    def test_runs_a_program(self, capfd: pytest.CaptureFixture[str]) -> None:
        first, last = run_command({"command": ["echo", "a  b", 5]})
        assert capfd.readouterr().out == "a  b 5\n"
        assert first == {"state": "running", "pid": last["pid"]}
        assert last == {"state": "finished", "pid": last["pid"], "exit_code": 0}

    def test_hands_a_text_to_the_shell(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        run_command({"command": "echo $GREETING; pwd", "cwd": str(tmp_path), "env": {"GREETING": "hello"}})
        assert capfd.readouterr().out == f"hello\n{tmp_path}\n"

    @pytest.mark.parametrize(("script", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
    def test_fails_as_the_program_does(self, script: str, code: int) -> None:
        status = Status()
        with pytest.raises(SystemExit) as leaving:
            command.run({"command": script}, status)  # type: ignore[arg-type]  # a stand-in
        assert leaving.value.code == code
        assert status.reported[-1]["exit_code"] == code

    def test_a_program_that_is_none_is_the_exception(self) -> None:
        with pytest.raises(FileNotFoundError):
            run_command({"command": ["/no/such/program"]})


class TestInstaller:
    @pytest.fixture
    def calls(self, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
        seen: list[list[str]] = []

        def pip(arguments: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
            seen.append(arguments)
            return subprocess.CompletedProcess(arguments, 0, b"installed")

        monkeypatch.setattr(subprocess, "run", pip)
        return seen

    @pytest.mark.parametrize(
        ("config", "arguments"),
        [
            ({"PIP_CMD": "install --no-deps 'a b'"}, ["install", "--no-deps", "a b"]),
            ({"PIP_CMD": "--no-deps a"}, ["install", "--no-deps", "a"]),
            ({"LOCAL_PATH": "/path/to a/package"}, ["install", "--", "/path/to a/package"]),
        ],
    )
    def test_calls_pip(self, calls: list[list[str]], config: dict[str, Any], arguments: list[str]) -> None:
        assert run_installer(config) == {"succeeded": True, "stdout": "installed"}
        assert calls == [[sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]]

    def test_nothing_to_install_is_no_success(self) -> None:
        assert run_installer({}) == {"succeeded": False, "errors": ["No local path specified"]}

    def test_a_package_that_is_none_is_no_success(self) -> None:
        reported = run_installer({"LOCAL_PATH": "/no/such/package"})
        assert reported["succeeded"] is False
        assert "/no/such/package" in reported["stdout"]
        assert reported["errors"] == ["pip ended with status 1"]
