"""What the frame does for this API: ASCII, errors, limits, addresses, the job engine it shares, commands."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from opsgate import apis, cli, job_engine, problems, server
from opsgate.addresses import parse
from opsgate.apis import APIS
from opsgate.backends import errors
from opsgate.backends.hoplite.backend import HopliteBackend
from opsgate.backends.jobs.model import Query
from opsgate.config import ConfigError
from opsgate.guard import Limits
from opsgate.hosts import HostRule
from opsgate.settings import Hoplite, Jobs, Server, Settings
from opsgate.up import conf, state
from opsgate.validation import OrjsonJsonifier, json_text

pytestmark = pytest.mark.anyio

TEXTS = ["plain", "é", "☃", "😀", "a☃😀b\x7f\x80", '"\\☃', "\ue000\uffff", ""]


def connected(settings: Settings) -> HopliteBackend:
    backend = APIS["hoplite"].connect(settings)
    assert isinstance(backend, HopliteBackend)
    return backend


class TestAscii:
    @pytest.mark.parametrize("text", TEXTS)
    def test_is_the_same_json(self, text: str) -> None:
        written = json_text({text: [text]}, ascii_only=True)
        assert written.isascii()
        assert json.loads(written) == {text: [text]}

    def test_is_utf_8_where_nobody_minds(self) -> None:
        assert json_text("☃", ascii_only=False) == '"☃"'.encode()
        assert OrjsonJsonifier().dumps("☃") == '"☃"'
        assert OrjsonJsonifier(ascii=True).dumps("☃") == r'"\u2603"'

    def test_holds_for_errors(self) -> None:
        found = problems.Problems({"/a": problems.render_error, "/b": problems.render_error}, ascii_only=["/a"])
        assert found.body("/a/x", 404, "☃") == rb'{"error":"\u2603"}'
        assert found.body("/b/x", 404, "☃") == '{"error":"☃"}'.encode()


class TestErrors:
    def test_have_further_members_where_the_failure_has(self) -> None:
        assert problems.render_error(404, "gone", None) == {"error": "gone"}
        failure = errors.Denied("no", details={"uuid": "u", "started": False})
        assert problems.render_error(403, "no", failure) == {"error": "no", "uuid": "u", "started": False}


class TestLimits:
    def test_an_api_may_take_larger_bodies(self) -> None:
        limits = Limits(max_body=10, hosts=HostRule([]), bodies={"/hoplite": 20})
        assert [limits.body(path) for path in ("/hoplite/jobs", "/hoplite", "/hoplites", "/", "/a/hoplite")] == [
            20,
            20,
            10,
            10,
            10,
        ]

    def test_ours_leaves_room_around_the_document(self) -> None:
        most = APIS["hoplite"].max_body
        assert most is not None
        assert most(Settings(hoplite=Hoplite(max_document=1000))) == 66_536


class TestAddress:
    @pytest.mark.parametrize(
        ("bind", "address"),
        [
            (["127.0.0.1:8000"], "127.0.0.1:8000/hoplite"),
            (["hoplite=127.0.0.1:5000"], "127.0.0.1:5000"),
            (["127.0.0.1:8000", "hoplite=127.0.0.1:5000"], "127.0.0.1:5000"),
            (["127.0.0.1:8000", "supvisors=127.0.0.1:5000"], "127.0.0.1:8000/hoplite"),
            (["0.0.0.0:8000"], "127.0.0.1:8000/hoplite"),
            (["[::]:8000"], "[::1]:8000/hoplite"),
            (["unix:/run/opsgate.sock"], ""),
        ],
    )
    def test_is_found_out(self, bind: list[str], address: str) -> None:
        assert apis.hoplite.reachable("hoplite", Settings(server=Server(bind=bind))) == address

    def test_may_be_told(self) -> None:
        assert connected(Settings(hoplite=Hoplite(address="host:1/x")))._options.address == "host:1/x"

    def test_of_this_machine_stays_what_it_is(self) -> None:
        assert parse("10.0.0.1:80").loopback == parse("10.0.0.1:80")


class TestBackend:
    def test_built_in_plugins_that_are_none_are_refused(self) -> None:
        with pytest.raises(ConfigError, match="hoplite.builtin_plugins: 'nope' is not one of command"):
            connected(Settings(hoplite=Hoplite(builtin_plugins=["nope"])))

    async def test_is_ready_when_the_store_can_be_opened(self, tmp_path: Path) -> None:
        hoplite = Hoplite(builtin_plugins=["command"])
        backend = connected(Settings(jobs=Jobs(state_dir=str(tmp_path / "state")), hoplite=hoplite))
        await backend.aopen()
        assert await backend.ready() == {"name": "jobs", "state": "0 running, 0 waiting", "plugins": 1}
        await backend.aclose()

    async def test_is_not_without_the_python_for_jobs(self, tmp_path: Path) -> None:
        hoplite = Hoplite(python="/no/such/python")
        backend = connected(Settings(jobs=Jobs(state_dir=str(tmp_path / "state")), hoplite=hoplite))
        with pytest.raises(errors.Unavailable, match="/no/such/python, the Python for jobs, does not tell"):
            await backend.ready()
        await backend.aclose()

    async def test_is_not_when_it_cannot(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        backend = connected(Settings(jobs=Jobs(state_dir=str(tmp_path / "file" / "state"))))
        with pytest.raises(errors.Unavailable):
            await backend.ready()


class TestJobEngine:
    async def test_is_one_per_state_directory(self, tmp_path: Path) -> None:
        one = Settings(jobs=Jobs(state_dir=str(tmp_path / "one")))
        two = Settings(jobs=Jobs(state_dir=str(tmp_path / "two")))
        assert job_engine.of(one) is job_engine.of(msgspec.structs.replace(one, hoplite=Hoplite(grace=1)))
        assert job_engine.of(one) is not job_engine.of(two)
        engine = await job_engine.of(one)()
        assert await job_engine.of(one)() is engine
        assert await engine.count("hoplite", Query()) == 0
        await job_engine.of(one).aclose()
        await job_engine.of(one).aclose()
        assert await job_engine.of(one)() is not engine
        await job_engine.of(one).aclose()

    @pytest.mark.parametrize(
        ("jobs", "hoplite", "usage"),
        [
            (Jobs(cores=3), Hoplite(), 3),
            (Jobs(cores=3), Hoplite(cores=7), 7),
            (Jobs(cores=-1), Hoplite(), 0),
            (Jobs(), Hoplite(cores=-1), 0),
        ],
    )
    async def test_knows_how_many_cores_there_are(
        self, tmp_path: Path, jobs: Jobs, hoplite: Hoplite, usage: int
    ) -> None:
        settings = Settings(jobs=msgspec.structs.replace(jobs, state_dir=str(tmp_path)), hoplite=hoplite)
        engine = await job_engine.of(settings)()
        assert await engine.usage("hoplite") == (0, usage)
        await job_engine.of(settings).aclose()

    def test_is_kept_where_everything_else_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
        assert job_engine.state_dir(Settings()) == tmp_path / "opsgate" / "jobs"
        monkeypatch.delenv("XDG_STATE_HOME")
        assert job_engine.state_dir(Settings()) == Path.home() / ".local" / "state" / "opsgate" / "jobs"
        assert job_engine.state_dir(Settings(jobs=Jobs(state_dir="/var/jobs"))) == Path("/var/jobs")


class TestUp:
    @pytest.mark.parametrize(("given", "used"), [("", "jobs"), ("/var/jobs", "/var/jobs")])
    def test_tells_the_gateway_where_jobs_are(self, tmp_path: Path, given: str, used: str) -> None:
        text = conf.gateway_toml(Settings(jobs=Jobs(state_dir=given)), state.StateDir(tmp_path))
        assert tomllib.loads(text)["jobs"]["state_dir"] == str(tmp_path / used)


class TestCommand:
    @pytest.fixture
    def served(self, monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
        """The settings with which the service would have been started."""
        seen: list[Settings] = []
        monkeypatch.setattr(server, "run", seen.append)
        return seen

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ([], {"bind": ["hoplite=127.0.0.1:5000"], "log_level": "info", "state_dir": ""}),
            (["-p", "5001", "-d"], {"bind": ["hoplite=127.0.0.1:5001"], "log_level": "debug", "state_dir": ""}),
            (["--state-dir", "/x"], {"bind": ["hoplite=127.0.0.1:5000"], "log_level": "info", "state_dir": "/x"}),
            (["-h", "::1"], {"bind": ["hoplite=[::1]:5000"], "log_level": "info", "state_dir": ""}),
        ],
    )
    def test_takes_the_options_of_hoplite_server(
        self, served: list[Settings], arguments: list[str], expected: dict[str, Any]
    ) -> None:
        done = CliRunner().invoke(cli.main, ["hoplite", *arguments])
        assert done.exit_code == 0, done.output
        (settings,) = served
        found = {
            "bind": settings.server.bind,
            "log_level": settings.server.log_level,
            "state_dir": settings.jobs.state_dir,
        }
        assert (settings.apis, found) == (["hoplite"], expected)

    def test_stays_on_this_machine(self, served: list[Settings]) -> None:
        done = CliRunner().invoke(cli.main, ["hoplite", "-h", "0.0.0.0"])
        assert done.exit_code == 2
        assert "say --insecure" in done.output
        assert served == []
