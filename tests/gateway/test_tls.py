"""`opsgate tls`, and a gateway with what it made."""

import os
import re
import signal
import ssl
import stat
import subprocess
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from opsgate.cli import main
from tests.engines.gateway import Gateway, free_port
from tests.engines.waiting import until


def tls(*arguments: str | Path, path: str | None = None) -> Result:
    return CliRunner().invoke(main, ["tls", *map(str, arguments)], env={} if path is None else {"PATH": path})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate for two more names, and what was said of it."""
    directory = tmp_path_factory.mktemp("tls") / "new"
    done = tls(directory, "--host", "ops.example", "--host", "10.1.2.3", "--days", "30")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f'[server]\ncertfile = "{directory}/server.crt"\nkeyfile = "{directory}/server.key"\n'
    return directory


class TestMade:
    def test_the_key_is_for_its_owner_alone(self, made: Path) -> None:
        assert sorted(entry.name for entry in made.iterdir()) == ["server.crt", "server.key"]
        assert stat.S_IMODE((made / "server.key").stat().st_mode) == 0o600
        assert stat.S_IMODE(made.stat().st_mode) == 0o700

    def test_the_certificate_is_for_the_names_and_signs_no_other(self, made: Path) -> None:
        command = ["openssl", "x509", "-in", str(made / "server.crt"), "-noout", "-text"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        names = re.search(r"Alternative Name: ?\n\s*(.*)\n", text)
        assert names is not None
        told = set(names[1].split(", "))
        assert {"DNS:localhost", "IP Address:127.0.0.1", "DNS:ops.example", "IP Address:10.1.2.3"} <= told
        assert "CA:FALSE" in text


class TestServing:
    def test_everything_is_https(self, made: Path, tmp_path: Path) -> None:
        port = free_port()
        environment = {
            "OPSGATE_JOBS_STATE_DIR": str(tmp_path / "jobs"),
            "OPSGATE_SERVER_CERTFILE": str(made / "server.crt"),
            "OPSGATE_SERVER_KEYFILE": str(made / "server.key"),
        }
        arguments = ["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
        trust = ssl.create_default_context(cafile=made / "server.crt")
        with Gateway(arguments, port, tmp_path / "log", environment, made / "server.crt") as gateway:
            for host in ("127.0.0.1", "localhost"):
                answer = httpx.get(f"https://{host}:{port}/hoplite/jobs", verify=trust, timeout=60)
                assert (answer.status_code, answer.json()["jobs"]) == (200, [])
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                httpx.get(f"{gateway.url}/hoplite/jobs", timeout=60)
            with pytest.raises(httpx.TransportError):
                httpx.get(f"http://127.0.0.1:{port}/hoplite/jobs", timeout=60)


class TestRefused:
    def test_what_is_there_stays(self, made: Path) -> None:
        before = (made / "server.key").read_bytes()
        done = tls(made)
        assert done.exit_code == 2
        assert done.stderr.startswith(f"opsgate: {made}/server.crt is there already")
        assert (made / "server.key").read_bytes() == before

    @pytest.mark.parametrize("host", ["", "a,IP:1.2.3.4", "a b", "-x", "a\nCN=b"])
    def test_what_is_no_host(self, tmp_path: Path, host: str) -> None:
        done = tls(tmp_path / "t", f"--host={host}")
        said = f"opsgate: --host: {host!r} is neither a host name nor an IP address\n"
        assert (done.exit_code, done.stderr) == (2, said)
        assert not (tmp_path / "t").exists()

    def test_without_openssl(self, tmp_path: Path) -> None:
        done = tls(tmp_path / "t", path=str(tmp_path))
        assert (done.exit_code, "apt-get install openssl" in done.stderr) == (2, True)


class TestUp:
    def test_says_where_it_is(self, made: Path, tmp_path: Path) -> None:
        port = free_port()
        environment = {
            "OPSGATE_SERVER_CERTFILE": str(made / "server.crt"),
            "OPSGATE_SERVER_KEYFILE": str(made / "server.key"),
        }
        arguments = ["up", "--state-dir", str(tmp_path / "s"), "--api", "hoplite", "--bind", f"127.0.0.1:{port}"]
        with Gateway(arguments, port, tmp_path / "log", environment, made / "server.crt") as gateway:
            until(lambda: "Ready:" in gateway.log.read_text())
            assert f"  https://127.0.0.1:{port}/hoplite/  hoplite\n" in gateway.log.read_text()


class TestRenewed:
    def test_a_new_certificate_is_shown_after_a_hangup(self, tmp_path: Path) -> None:
        assert tls(tmp_path / "a").exit_code == tls(tmp_path / "b").exit_code == 0
        port = free_port()
        environment = {
            "OPSGATE_JOBS_STATE_DIR": str(tmp_path / "jobs"),
            "OPSGATE_SERVER_CERTFILE": str(tmp_path / "a" / "server.crt"),
            "OPSGATE_SERVER_KEYFILE": str(tmp_path / "a" / "server.key"),
        }
        arguments = ["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
        old, new = ((tmp_path / name / "server.crt").read_text() for name in "ab")
        with Gateway(arguments, port, tmp_path / "log", environment, tmp_path / "a" / "server.crt") as gateway:
            assert ssl.get_server_certificate(("127.0.0.1", port)).strip() == old.strip()
            for name in ("server.crt", "server.key"):
                (tmp_path / "b" / name).replace(tmp_path / "a" / name)
            os.kill(gateway.pid, signal.SIGHUP)
            until(lambda: ssl.get_server_certificate(("127.0.0.1", port)).strip() == new.strip())
