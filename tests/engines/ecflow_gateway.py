"""`opsgate ecflow` in front of a real ecflow_server, with a certificate and a token of its own."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from opsgate import tokens
from tests.engines.ecflow_server import EcflowServer
from tests.engines.gateway import Gateway, free_port


@dataclass(frozen=True)
class Site:
    """A gateway and what belongs to it."""

    gateway: Gateway
    server: EcflowServer
    token: str
    tokens_file: Path
    certificate: Path | None

    @property
    def url(self) -> str:
        """Where the API is, its version included."""
        return f"{self.gateway.url}/v1"

    def client(self, **options: Any) -> httpx.Client:
        """A client that trusts the certificate and has the token."""
        trust = ssl.create_default_context(cafile=self.certificate) if self.certificate else True
        given = {"headers": {"Authorization": f"Bearer {self.token}"}, "timeout": 30, **options}
        return httpx.Client(base_url=self.url, verify=trust, **given)


def certificates(directory: Path) -> Path:
    """Make server.crt and server.key for 127.0.0.1 and localhost; the certificate."""
    directory.mkdir(exist_ok=True)
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-addext", names, "-keyout", "server.key", "-out", "server.crt"]
    subprocess.run([*command, *files], cwd=directory, check=True, capture_output=True)
    return directory / "server.crt"


@contextmanager
def running(
    directory: Path,
    server: EcflowServer,
    *,
    tls: bool = False,
    environment: Mapping[str, str] | None = None,
    token: str | None = None,
) -> Iterator[Site]:
    """The drop-in command, two workers, until the end of the context."""
    certificate = certificates(directory / "ssl") if tls else None
    file = directory / "tokens.json"
    secret = tokens.create(file, "tests", token=token)
    port = free_port()
    variables = {
        "ECF_HOST": "127.0.0.1",
        "ECF_PORT": str(server.port),
        "ECF_RESTAPI_TOKENS_FILE": str(file),
        "OPSGATE_ECFLOW_STATE_DIR": str(directory / "common"),
        **(environment or {}),
    }
    ending = ["--cert_directory", str(directory / "ssl")] if tls else ["--no_ssl"]
    with Gateway(["ecflow", "-p", str(port), *ending], port, directory / "log", variables, certificate) as gateway:
        yield Site(gateway, server, secret, file, certificate)
