"""Finding job plugins among installed packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from opsgate.backends.errors import Unavailable
from opsgate.backends.hoplite.plugins import BUILTIN, Plugins
from opsgate.backends.hoplite.search_path import Interpreter, SearchPath
from opsgate.backends.jobs.child import entry_points
from tests.engines.hoplite import install

ONE = {"first.job": "raise RuntimeError('imported')"}
TWO = {"second.job": "raise RuntimeError('imported')"}


@pytest.fixture(scope="module")
def own() -> Interpreter:
    return Interpreter(sys.executable, {"PATH": os.defpath})


def plugins(own: Interpreter, *directories: Path, builtin: list[str] | None = None) -> Plugins:
    return Plugins(SearchPath(own, [str(directory) for directory in directories]), builtin or [])


class TestNames:
    def test_are_read_without_importing(self, own: Interpreter, tmp_path: Path) -> None:
        install(tmp_path, ONE)
        assert plugins(own, tmp_path).names() == ["first.job"]

    def test_follow_what_is_installed_and_removed(self, own: Interpreter, tmp_path: Path) -> None:
        found = plugins(own, tmp_path / "later")
        assert found.names() == []
        install(tmp_path / "later", ONE, "one")
        assert found.names() == ["first.job"]
        install(tmp_path / "later", TWO, "two")
        assert found.names() == ["first.job", "second.job"]
        shutil.rmtree(tmp_path / "later" / "one-1.0.dist-info")
        assert found.names() == ["second.job"]

    def test_follow_a_package_that_is_written_anew_in_its_place(self, own: Interpreter, tmp_path: Path) -> None:
        install(tmp_path, ONE)
        found = plugins(own, tmp_path)
        assert found.names() == ["first.job"]
        install(tmp_path, TWO)
        assert found.names() == ["second.job"]

    def test_come_once_each_sorted(self, own: Interpreter, tmp_path: Path) -> None:
        install(tmp_path, TWO | ONE, "one")
        install(tmp_path, ONE, "two")
        assert plugins(own, tmp_path).names() == ["first.job", "second.job"]

    def test_a_copy_further_back_does_not_count(self, own: Interpreter, tmp_path: Path) -> None:
        install(tmp_path / "a", ONE)
        install(tmp_path / "b", TWO)
        assert plugins(own, tmp_path / "a", tmp_path / "b").names() == ["first.job"]

    def test_come_by_pth_lines_too(self, own: Interpreter, tmp_path: Path) -> None:
        install(tmp_path / "project", ONE)
        (tmp_path / "site").mkdir()
        found = plugins(own, tmp_path / "site")
        assert found.names() == []
        (tmp_path / "site" / "project.pth").write_text("# comment\nimport nothing\n\n../project\n/no/such/directory\n")
        assert found.names() == ["first.job"]
        assert found.path_for("first.job") == (str(tmp_path / "site"), str(tmp_path / "site" / "../project"))

    def test_of_other_groups_are_not_ours(self, own: Interpreter, tmp_path: Path) -> None:
        install(tmp_path, ONE)
        entries = tmp_path / "test_jobs-1.0.dist-info" / "entry_points.txt"
        entries.write_text("[console_scripts]\nfirst.job = a:b\n[hoplite.jobs.more]\nx = y\n")
        assert plugins(own, tmp_path).names() == []

    @pytest.mark.parametrize("content", [b"\xff\xfe", b"[hoplite.jobs]\nno equals sign\n", b"[", b"\0"])
    def test_a_broken_package_does_not_hide_the_others(self, own: Interpreter, tmp_path: Path, content: bytes) -> None:
        install(tmp_path, ONE, "one")
        install(tmp_path, TWO, "two")
        (tmp_path / "one-1.0.dist-info" / "entry_points.txt").write_bytes(content)
        assert "second.job" in plugins(own, tmp_path).names()

    def test_are_found_by_jobs_at_the_same_place(
        self, own: Interpreter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        install(tmp_path, {"my jobs.do this": ""})
        monkeypatch.setattr(sys, "path", [*plugins(own, tmp_path).path_for("my jobs.do this"), *sys.path])
        assert entry_points.find("hoplite.jobs", "my jobs.do this") == "test_jobs.plugin0"


class TestBuiltin:
    def test_are_off(self, own: Interpreter) -> None:
        assert [name for name in plugins(own).names() if name.startswith("hoplite.plugins.")] == []

    def test_are_offered_when_named(self, own: Interpreter) -> None:
        assert plugins(own, builtin=["command"]).names() == ["hoplite.plugins.command"]

    def test_those_that_are_none_are_refused(self, own: Interpreter) -> None:
        with pytest.raises(ValueError, match="'remote' is not one of command, install_python_package_job"):
            plugins(own, builtin=["remote"])

    @pytest.mark.parametrize("name", BUILTIN)
    def test_are_found_by_their_jobs_alone(
        self, own: Interpreter, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offered = plugins(own, tmp_path, builtin=[name])
        assert entry_points.find("hoplite.jobs", f"hoplite.plugins.{name}") is None
        monkeypatch.setattr(sys, "path", [*offered.path_for(f"hoplite.plugins.{name}"), *sys.path])
        found = entry_points.find("hoplite.jobs", f"hoplite.plugins.{name}")
        assert found == f"opsgate.backends.hoplite.builtin.{name}"
        assert offered.path_for("another") == (str(tmp_path),)


class TestSearchPath:
    def test_is_that_of_a_fresh_process(self, own: Interpreter, tmp_path: Path) -> None:
        fresh = subprocess.run(
            [sys.executable, "-c", "import sys; print('\\n'.join(sys.path[1:]))"],
            capture_output=True,
            text=True,
            check=True,
            env=dict(own.environment),
        ).stdout.split("\n")[:-1]
        assert SearchPath(own, [str(tmp_path)]).directories() == [str(tmp_path), *dict.fromkeys(fresh)]

    def test_is_that_of_another_python(self, tmp_path: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
        python = tmp_path / "venv" / "bin" / "python"
        site = next((tmp_path / "venv" / "lib").glob("python*/site-packages"))
        install(site, ONE)
        found = Plugins(SearchPath(Interpreter(str(python), {}), []), [])
        assert str(site) in found.search_path.directories()
        assert found.names() == ["first.job"]

    def test_a_python_that_is_none_is_told(self) -> None:
        with pytest.raises(Unavailable, match="/no/such/python, the Python for jobs, does not tell its search path"):
            SearchPath(Interpreter("/no/such/python", {}), []).directories()

    def test_asks_again_after_it_was_told_to_forget(self, own: Interpreter) -> None:
        asked = []

        class Counting(Interpreter):
            def ask(self) -> tuple[list[str], list[str]]:
                asked.append(1)
                return [], []

        path = SearchPath(Counting(own.program, own.environment), [])
        path.directories()
        path.directories()
        assert len(asked) == 1
        path.forget()
        path.directories()
        assert len(asked) == 2
