"""`opsgate backup` of a service under load, and a second service on the copy."""

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from opsgate.backup import make, of_up
from opsgate.cli import main
from tests.engines.gateway import Gateway, clean_environment, free_port
from tests.engines.load import Load

PLUGIN = "hoplite.plugins.command"
TASK = {"class": "CodeTask", "code": "print(1)", "start_cond": "daily", "parameters": {"a": [1]}}


def backup(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "opsgate", "backup", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=clean_environment(environment), timeout=120
    )


def backed_up(*arguments: str | Path, **environment: str) -> Result:
    """The same in this process, which is quicker, where no service has the stores open."""
    return CliRunner().invoke(main, ["backup", *map(str, arguments)], env=environment)


@dataclass
class Service:
    """A service on a state directory."""

    gateway: Gateway
    port: int

    def ask(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx.request(method, f"{self.gateway.url}{path}", json=body, timeout=60)
        assert answer.is_success, answer.text
        return answer.json()

    def run(self, command: list[str], wait: int) -> dict[str, Any]:
        new = {"plugin_name": PLUGIN, "config": {"command": command}, "run": True}
        uuid = self.ask("POST", "/hoplite/jobs", new)["uuid"]
        return dict(self.ask("GET", f"/hoplite/jobs/{uuid}?wait={wait}"))


def serve(root: Path) -> Service:
    port = free_port()
    environment = {
        "OPSGATE_JOBS_STATE_DIR": str(root / "jobs"),
        "OPSGATE_JOBS_CORES": "-1",
        "OPSGATE_HOPLITE_BUILTIN_PLUGINS": "command",
    }
    apis = ["--api", "hoplite", "--api", "flux", "--api", "redengine"]
    arguments = ["serve", *apis, "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    return Service(Gateway(arguments, port, root.with_name(f"{root.name}.log"), environment), port)


@dataclass
class Copied:
    """What was there before the copy was made, the service it is of, and one on the copy."""

    original: Service
    copy: Service
    place: Path
    load: Load
    created: list[str]
    finished: dict[str, Any]
    running: dict[str, Any]
    flux: int


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copied]:
    root = tmp_path_factory.mktemp("b") / "state"
    place = root.with_name("copy")
    original = serve(root)
    with original.gateway:
        finished = original.run(["sh", "-c", "echo out; echo file > kept"], 60)
        running = original.run(["sleep", "600"], 0)
        original.ask("POST", "/redengine/tasks/every%20day", TASK)
        flux = original.ask("POST", "/flux/jobs/submit", {"command": "true"})["id"]
        with Load(original.port) as load:
            load.more(100)
            created = list(load.written.acknowledged)
            done = backup(place, OPSGATE_JOBS_STATE_DIR=str(root / "jobs"))
            assert (done.returncode, done.stdout, done.stderr) == (0, f"{place}\n", "")
            load.more(50)
        copy = serve(place)
        with copy.gateway:
            yield Copied(original, copy, place, load, created, finished, running, flux)
        assert original.ask("PUT", f"/hoplite/jobs/{running['uuid']}/kill")["killed"]


class TestCopy:
    def test_disturbs_nobody(self, copied: Copied) -> None:
        assert copied.load.failures == []

    def test_has_all_jobs_that_were_there(self, copied: Copied) -> None:
        jobs = copied.copy.ask("GET", "/hoplite/jobs")["jobs"]
        assert {copied.finished["uuid"], copied.running["uuid"]} <= {job["uuid"] for job in jobs}
        assert set(copied.created) <= {job["config"].get("key") for job in jobs}
        path = f"/flux/jobs/{copied.flux}"
        ours, theirs = (one.ask("GET", path)["job"] for one in (copied.copy, copied.original))
        assert (ours["name"], ours["t_submit"]) == (theirs["name"], theirs["t_submit"])

    def test_has_what_they_wrote(self, copied: Copied) -> None:
        path = f"/hoplite/jobs/{copied.finished['uuid']}"
        assert copied.copy.ask("GET", path) == copied.finished
        assert copied.copy.ask("GET", f"{path}/output") == copied.original.ask("GET", f"{path}/output")
        assert [file.read_text() for file in copied.place.rglob("kept")] == ["file\n"]

    def test_has_the_tasks(self, copied: Copied) -> None:
        task = "/redengine/tasks/every%20day"
        assert copied.copy.ask("GET", task) == copied.original.ask("GET", task)

    def test_knows_nothing_of_what_runs_and_leaves_it_alone(self, copied: Copied) -> None:
        path = f"/hoplite/jobs/{copied.running['uuid']}"
        lost = copied.copy.ask("GET", f"{path}?wait=60")
        assert (lost["state"], lost["status"]["exception"]["type"]) == ("finished", "JobLost")
        assert copied.original.ask("GET", path)["state"] == "running"

    def test_is_private(self, copied: Copied) -> None:
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in copied.place.rglob("*.db")}
        assert modes == {"jobs.db": 0o600, "redengine.db": 0o600}
        assert stat.S_IMODE(copied.place.stat().st_mode) == 0o700

    def test_tells_its_changes_from_those_of_the_original(self, copied: Copied) -> None:
        task = "/redengine/tasks/every%20day"
        tags = [
            httpx.get(f"{one.gateway.url}{task}", timeout=60).headers["ETag"] for one in (copied.original, copied.copy)
        ]
        assert tags[0] != tags[1]


class TestStateDirectory:
    """That of `opsgate up`, here without a service."""

    def test_is_copied_but_for_what_is_made_anew(self, tmp_path: Path) -> None:
        root, place = tmp_path / "state", tmp_path / "copy"
        for name in ("programs/a.conf", "ecflow/ecf.check", "ecflow/s/t.ecf", "jobs/jobs/ab/id/stdout", "x"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(name)
        for name in ("gateway.toml", "lock", "ecflow/passwd", "ecflow/gateway/x", "log/a", "jobs/bell", "run/x"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(name)
        (root / "link").symlink_to("x")
        os.mkfifo(root / "fifo")
        assert backed_up(place, "--state-dir", root).exit_code == 0
        found = sorted(str(path.relative_to(place)) for path in place.rglob("*") if not path.is_dir())
        assert found == ["ecflow/ecf.check", "ecflow/s/t.ecf", "jobs/jobs/ab/id/stdout", "link", "programs/a.conf", "x"]
        assert (place / "link").readlink() == Path("x")

    def test_stores_are_copied_with_what_is_in_their_logs(self, tmp_path: Path) -> None:
        root, place = tmp_path / "state", tmp_path / "copy"
        stores = [root / "redengine.db", root / "jobs" / "jobs.db"]
        (root / "jobs").mkdir(parents=True)
        with ExitStack() as opened:
            for store in stores:
                connection = opened.enter_context(closing(sqlite3.connect(store, isolation_level=None)))
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("CREATE TABLE t (x)")
                connection.execute("INSERT INTO t VALUES (1)")
            assert backed_up(place, "--state-dir", root).exit_code == 0
        assert sorted(path.name for path in place.rglob("*.db*")) == ["jobs.db", "redengine.db"]
        for store in stores:
            with closing(sqlite3.connect(place / store.relative_to(root))) as copy:
                assert copy.execute("SELECT x FROM t").fetchall() == [(1,)]

    @pytest.mark.parametrize(
        ("failure", "told"),
        [(PermissionError(13, "Permission denied"), ["{}/a: Permission denied"]), (FileNotFoundError(), [])],
    )
    def test_what_cannot_be_read_is_told_and_what_is_gone_is_gone(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: OSError, told: list[str]
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise failure

        root, place = tmp_path / "state", tmp_path / "copy"
        root.mkdir()
        (root / "a").touch()
        monkeypatch.setattr(shutil, "copy2", fail)
        assert make(of_up(root), place) == [line.format(root) for line in told]
        assert list(place.iterdir()) == []


class TestRefused:
    def test_a_place_that_is_taken(self, tmp_path: Path) -> None:
        (tmp_path / "state").mkdir()
        (tmp_path / "copy").mkdir()
        done = backed_up(tmp_path / "copy", "--state-dir", tmp_path / "state")
        said = f"opsgate: {tmp_path}/copy is there already; a copy needs a place of its own\n"
        assert (done.exit_code, done.stderr) == (2, said)

    def test_nothing_to_copy(self, tmp_path: Path) -> None:
        done = backed_up(tmp_path / "copy", "--state-dir", tmp_path / "none")
        assert (done.exit_code, done.stderr) == (
            2,
            f"opsgate: there is nothing to copy: {tmp_path}/none is no directory\n",
        )

    def test_a_place_inside(self, tmp_path: Path) -> None:
        done = backed_up(tmp_path / "copy", "--state-dir", tmp_path)
        assert (done.exit_code, f"{tmp_path}/copy lies in what is to be copied" in done.stderr) == (2, True)

    def test_a_store_that_is_none_leaves_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "jobs").mkdir()
        (tmp_path / "jobs" / "jobs.db").write_text(json.dumps("no store" * 1000))
        done = backed_up(tmp_path / "copy", OPSGATE_JOBS_STATE_DIR=str(tmp_path / "jobs"))
        assert (done.exit_code, "a store cannot be copied: file is not a database" in done.stderr) == (2, True)
        assert [entry.name for entry in tmp_path.iterdir()] == ["jobs"]
