"""How `opsgate ecflow` starts: with TLS, without, and not at all."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engines.ecflow_gateway import certificates
from tests.engines.gateway import Gateway, clean_environment, free_port


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate and its key."""
    return certificates(tmp_path_factory.mktemp("tls") / "ssl").parent


@pytest.fixture
def directory(good: Path, tmp_path: Path) -> Path:
    """The same, to be spoiled."""
    return Path(shutil.copytree(good, tmp_path / "ssl"))


def started(*arguments: str, **environment: str) -> tuple[int, str]:
    """The exit status of a start that fails, and what it says last."""
    command = [sys.executable, "-P", "-m", "opsgate", "ecflow", "-p", str(free_port()), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=clean_environment(environment), timeout=60
    )
    return done.returncode, done.stderr.splitlines()[-1]


class TestCertificate:
    @pytest.mark.parametrize("missing", ["server.crt", "server.key"])
    def test_missing(self, directory: Path, missing: str) -> None:
        (directory / missing).unlink()
        expected = f"opsgate: {directory / missing} cannot be read; SSL needs it (--cert_directory), or say --no_ssl"
        assert started("--cert_directory", str(directory)) == (2, expected)
        assert started(ECF_RESTAPI_CERT_DIRECTORY=str(directory)) == (2, expected)

    def test_is_looked_for_at_home(self, tmp_path: Path) -> None:
        file = tmp_path / ".ecflowrc" / "ssl" / "server.crt"
        expected = f"opsgate: {file} cannot be read; SSL needs it (--cert_directory), or say --no_ssl"
        assert started(HOME=str(tmp_path)) == (2, expected)

    @pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
    @pytest.mark.parametrize("file", ["server.crt", "server.key"])
    def test_nonsense(self, directory: Path, file: str, text: str) -> None:
        (directory / file).write_text(text)
        self.refused(directory)

    def test_of_another_key(self, directory: Path, tmp_path: Path) -> None:
        shutil.copy(certificates(tmp_path / "other").with_name("server.key"), directory)
        assert "KEY_VALUES_MISMATCH" in self.refused(directory)

    def test_key_with_a_password(self, directory: Path) -> None:
        command = ["openssl", "rsa", "-aes128", "-passout", "pass:secret", "-in", "server.key", "-out", "locked"]
        subprocess.run(command, cwd=directory, check=True, capture_output=True)
        (directory / "locked").replace(directory / "server.key")
        self.refused(directory)

    def test_that_is_a_directory(self, directory: Path) -> None:
        (directory / "server.key").unlink()
        (directory / "server.key").mkdir()
        said = (2, f"opsgate: server.keyfile: '{directory}/server.key' cannot be read: Is a directory")
        assert started("--cert_directory", str(directory)) == said

    def test_without_a_key(self, good: Path) -> None:
        status, said = started("--no_ssl", OPSGATE_SERVER_CERTFILE=str(good / "server.crt"))
        assert (status, said) == (2, "opsgate: server.keyfile: not set, but TLS needs both certfile and keyfile")

    def refused(self, directory: Path) -> str:
        status, said = started("--cert_directory", str(directory))
        files = f"{directory}/server.crt and {directory}/server.key"
        expected = f"opsgate: server.certfile, server.keyfile: {files} are no certificate and its key, "
        assert (status, said[: len(expected)]) == (2, expected)
        return said


class TestServing:
    @pytest.fixture
    def gateway(self, request: pytest.FixtureRequest, good: Path, tmp_path: Path) -> Iterator[Gateway]:
        port = free_port()
        tls = request.param == "tls"
        ending = ["--cert_directory", str(good), "-h", "127.0.0.1"] if tls else ["--no_ssl"]
        trust = good / "server.crt" if tls else None
        with Gateway(["ecflow", "-p", str(port), *ending], port, tmp_path / "log", certificate=trust) as running:
            yield running

    @pytest.mark.parametrize("gateway", ["tls"], indirect=True)
    def test_with_tls(self, gateway: Gateway, good: Path) -> None:
        trust = ssl.create_default_context(cafile=good / "server.crt")
        answer = httpx.get(f"{gateway.url}/v1/statistics", verify=trust, timeout=60)
        assert answer.json()["num_requests"] == 0
        with pytest.raises(httpx.TransportError):
            httpx.get(gateway.url.replace("https", "http"), timeout=60)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            httpx.get(f"{gateway.url}/v1/statistics", timeout=60)
        assert "in clear" not in gateway.log.read_text()

    @pytest.mark.parametrize("gateway", ["no_ssl"], indirect=True)
    def test_without_tls(self, gateway: Gateway) -> None:
        assert httpx.get(f"{gateway.url}/v1/statistics", timeout=60).json()["num_requests"] == 0
        assert "opsgate: without SSL, passwords and tokens are sent in clear" in gateway.log.read_text()

    def test_without_tls_only_to_this_machine(self) -> None:
        status, said = started("--no_ssl", "-h", "0.0.0.0")
        assert (status, "can be reached from other machines" in said, "--insecure" in said) == (2, True, True)
