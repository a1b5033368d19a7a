"""The command line: what it refuses, by name, and what `opsgate check` finds."""

import subprocess
import sys
from pathlib import Path

import pytest

from opsgate import apis, check
from opsgate.settings import Settings
from tests.engines.gateway import clean_environment, free_port
from tests.engines.supervisord import Supervisord


def opsgate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-P", "-m", "opsgate", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env=clean_environment(environment), timeout=60
    )


class TestSupvisors:
    def test_takes_the_documents_options(self) -> None:
        text = opsgate("supvisors", "--help").stdout
        for option in ("-u, --supervisor_url", "-h, --host", "-p, --port", "-d, --debug", "--help"):
            assert option in text

    def test_needs_a_url(self) -> None:
        done = opsgate("supvisors")
        assert done.returncode == 2
        assert "the following arguments are required: -u/--supervisor_url" in done.stderr

    @pytest.mark.parametrize("url", ["localhost:9001", "ftp://localhost:1", "http://", "unix://"])
    def test_refuses_what_is_no_url(self, url: str) -> None:
        done = opsgate("supvisors", "-u", url)
        assert (done.returncode, done.stderr.startswith("opsgate: supvisors.url: ")) == (2, True)

    def test_never_repeats_a_password(self) -> None:
        done = opsgate("supvisors", "-u", "http://me:secret@:x")
        assert done.returncode == 2
        assert "secret" not in done.stdout + done.stderr

    def test_stays_on_this_machine(self) -> None:
        done = opsgate("supvisors", "-h", "0.0.0.0", "-u", "http://localhost:9001")
        assert (done.returncode, "--insecure" in done.stderr) == (2, True)


class TestServe:
    def test_refuses_unknown_settings_by_name(self, tmp_path: Path) -> None:
        file = tmp_path / "opsgate.toml"
        file.write_text("[server]\nworker = 3\n")
        done = opsgate("serve", "--config", str(file))
        assert (done.returncode, "`worker`" in done.stderr) == (2, True)

    def test_refuses_unknown_variables_by_name(self) -> None:
        done = opsgate("serve", OPSGATE_SERVER_WORKRS="3")
        assert done.stderr == "opsgate: OPSGATE_SERVER_WORKRS: no such setting; did you mean OPSGATE_SERVER_WORKERS?\n"

    def test_refuses_an_address_for_an_unknown_api(self) -> None:
        done = opsgate("serve", "--bind", f"nothing=127.0.0.1:{free_port()}")
        assert (done.returncode, "'nothing' is not one of" in done.stderr) == (2, True)


class TestCheck:
    def test_tells_what_works(self, supervisord: Supervisord) -> None:
        done = opsgate("check", "--api", "supvisors", OPSGATE_SUPVISORS_URL=supervisord.url)
        spec, handlers, engine = done.stdout.splitlines()
        assert done.returncode == 0
        assert spec == "ok       specs/supvisors.yaml: 83 operations"
        assert handlers == "ok       handlers of supvisors: 83 bound"
        assert engine.startswith("ok       engine of supvisors: engine supervisord, version 4.3.0")

    def test_tells_what_is_missing_and_how_to_get_it(self) -> None:
        done = opsgate("check", "--api", "supvisors")
        assert done.returncode == 1
        assert "PROBLEM  engine of supvisors: supvisors.url: not set; say which supervisord with -u" in done.stdout

    def test_what_nobody_configured_is_told_and_no_problem(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said: list[str] = []
        monkeypatch.setattr(apis, "chosen", lambda _settings: [apis.APIS["supvisors"]])
        assert check.run(Settings(), said.append) is True
        assert said[0] == "ok       specs/supvisors.yaml: 83 operations"
        assert said[1].startswith("left out engine of supvisors: supvisors.url: not set; say which supervisord")
        assert check.run(Settings(apis=["supvisors"]), said.append) is False
