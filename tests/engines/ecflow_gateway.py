"""`opsgate ecflow` in front of a real ecflow_server, with a certificate and a token of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from opsgate import tokens
from tests.engines.ecflow_server import EcflowServer
from tests.engines.gateway import Gateway, free_port
from tests.engines.waiting import until


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
        given = {"headers": {"Authorization": f"Bearer {self.token}"}, "timeout": 60, **options}
        return httpx.Client(base_url=self.url, verify=trust, **given)

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send one request with the token over a fresh connection, which any worker may take."""
        with closing(Line(self)) as line:
            return line.ask(method, path, body, **headers)

    @contextmanager
    def line_to(self, worker: int) -> Iterator[Line]:
        """A connection that `worker` has taken: the others stand still while it is made."""
        others = [pid for pid in self.gateway.workers() if pid != worker]
        with ExitStack() as stack:
            try:
                for other in others:
                    _stop(other)
                line = stack.enter_context(closing(Line(self)))
                assert line.ask("GET", "/statistics").status == httpx.codes.OK
            finally:
                for other in others:
                    os.kill(other, signal.SIGCONT)
            yield line

    @contextmanager
    def lines(self) -> Iterator[list[Line]]:
        """A connection to each worker."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.line_to(worker)) for worker in self.gateway.workers()]


@dataclass(frozen=True)
class Answer:
    """What came back. The names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


class Line:
    """One connection to a gateway without TLS; a request that gets no answer within a minute fails."""

    def __init__(self, site: Site) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=60)
        self._connection.connect()
        self._connection.auto_open = 0  # never a second connection, which another worker might take
        self._token = {"Authorization": f"Bearer {site.token}"}

    def send(self, method: str, path: str, body: object = None, **headers: str) -> http.client.HTTPResponse:
        """Send a request, its body as JSON, and return the answer as soon as it begins."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, f"/v1{path}", sent, {**self._token, **given})
        return self._connection.getresponse()

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """Send a request and return the answer."""
        answer = self.send(method, path, body, **headers)
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())

    def close(self) -> None:
        """Close it."""
        self._connection.close()


def _stop(process: int) -> None:
    """Have a process stand still, and wait until it does."""
    os.kill(process, signal.SIGSTOP)
    until(lambda: ") T " in Path(f"/proc/{process}/stat").read_text(), "its standing still")


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
        until(lambda: len(gateway.workers()) == 2, "the second worker")
        yield Site(gateway, server, secret, file, certificate)


@contextmanager
def served(directory: Path, suite: str = "") -> Iterator[Site]:
    """An ecflow_server with a suite, and the gateway in front of it, whose log shows no failure of ours in the end."""
    server = EcflowServer(directory / "server")
    server.start()
    try:
        if suite:
            server.load(suite)
        with running(directory, server) as site:
            yield site
            assert "Traceback" not in site.gateway.log.read_text()
    finally:
        server.terminate()
