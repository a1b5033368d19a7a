"""Real supervisord daemons, each in a directory of its own, on loopback and a socket file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xmlrpc.client import Fault, ProtocolError, ServerProxy

from supervisor.xmlrpc import SupervisorTransport

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"

WRITTEN = "first line\nh\u00e9llo w\u00f6rld \u20ac \U0001f600\r\n\x1b[31mred\x1b[0m\n"
"""What the program `writer` writes to its stdout."""

_POLL = 0.05  # seconds


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Supervisord:
    """One daemon.

    Attributes:
        directory: Holds all that it reads and writes. Its path must be short: the socket file is in it.
        supvisors: Options of Supvisors, None to leave it out.
        programs: The file with the sections of its programs.
        identifier: Its name.
        credentials: User and password, if it shall ask for them.
        port: Its port on loopback.
        unix: Whether it also listens on a socket file.
        url: The socket file if there is one, else the same as `http_url`.
        http_url: Its port, without credentials.
        more_programs: A file that need not exist, read after `programs`.
        psutil: Whether Supvisors finds psutil, and with it can collect statistics.
    """

    directory: Path
    supvisors: Mapping[str, str] | None = None
    programs: Path = PROGRAMS / "programs.conf"
    identifier: str = "supv-01"
    credentials: tuple[str, str] | None = None
    port: int = field(default_factory=free_port)
    unix: bool = True
    psutil: bool = True

    def __post_init__(self) -> None:
        self.http_url = f"http://127.0.0.1:{self.port}"
        self.url = f"unix://{self.directory}/s" if self.unix else self.http_url
        self.more_programs = self.directory / "more.conf"
        self._process: subprocess.Popen[bytes] | None = None
        self._output = self.directory / "output"
        self._conf = self.directory / "supervisord.conf"
        self._conf.write_text("\n".join(self._sections()))

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What it wrote about itself."""
        return (self.directory / "supervisord.log").read_text(errors="replace")

    def with_credentials(self, user: str, password: str) -> str:
        """Return its TCP address with these credentials in it."""
        return f"http://{quote(user, safe='')}:{quote(password, safe='')}@127.0.0.1:{self.port}"

    def call(self, method: str, *parameters: object) -> Any:
        """Return the result of an XML-RPC method, by Supervisor's own client."""
        transport = SupervisorTransport(*(self.credentials or (None, None)), self.url)
        with ServerProxy("http://127.0.0.1", transport) as proxy:
            return getattr(proxy, method)(*parameters)

    def start(self) -> None:
        """Start it and wait until it answers."""
        path = str(HERE) if self.psutil else f"{HERE / 'without_psutil'}{os.pathsep}{HERE}"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "PROGRAMS": str(PROGRAMS), "LANG": "C.UTF-8"}
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(self._conf)],
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait(lambda: self.call("supervisor.getState")["statename"] == "RUNNING")

    def wait(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait until a condition holds, which may ask the daemon."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            assert self.running, self._output.read_text()
            with suppress(OSError, HTTPException, ProtocolError, Fault):  # while it is starting
                if condition():
                    return
            time.sleep(_POLL)
        raise AssertionError(f"{self.identifier} does not come so far: {self._output.read_text()[-4000:]}")

    def wait_for_state(self, state: str) -> None:
        """Wait until Supvisors is in this state."""
        self.wait(lambda: self.call("supvisors.get_supvisors_state")["fsm_statename"] == state)

    def terminate(self) -> None:
        """End it, and its programs with it."""
        if self._process is None or not self.running:
            return
        self._process.terminate()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait_for_end(self) -> None:
        """Wait until it has ended by itself."""
        assert self._process is not None
        self._process.wait(60)

    def kill(self) -> None:
        """End it as a crash does, and then the programs that it has left behind."""
        if self._process is None or not self.running:
            return
        left = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        self._process.kill()
        self._process.wait()
        for pid in left:
            os.kill(int(pid), signal.SIGKILL)

    def freeze(self) -> None:
        """Keep it from doing anything, answering included."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _users(self) -> dict[str, str]:
        if self.credentials is None:
            return {}
        user, password = self.credentials
        return {"username": user, "password": password.replace("%", "%%")}

    def _sections(self) -> Iterator[str]:
        here = self.directory
        yield _section(
            "supervisord",
            nodaemon="true",
            identifier=self.identifier,
            logfile=f"{here}/supervisord.log",
            pidfile=f"{here}/supervisord.pid",
            childlogdir=str(here),
        )
        yield _section("inet_http_server", port=f"127.0.0.1:{self.port}", **self._users())
        if self.unix:
            yield _section("unix_http_server", file=f"{here}/s", **self._users())
        yield _plugin("supervisor", "supervisor.rpcinterface:make_main_rpcinterface")
        if self.supvisors is not None:
            yield _plugin("supvisors", "quick_ticks:make", **self.supvisors)
        yield _section("include", files=f"{self.programs} {self.more_programs}")


@contextmanager
def running(*daemons: Supervisord) -> Iterator[None]:
    """Start daemons, and in the end kill them, as that takes no time."""
    try:
        for daemon in daemons:
            daemon.start()
        for daemon in daemons:
            if daemon.supvisors is not None:
                daemon.wait_for_state("OPERATION")
        yield
    finally:
        for daemon in daemons:
            daemon.kill()


def single(directory: Path) -> Supervisord:
    """A daemon with Supvisors on its own."""
    return Supervisord(directory, supvisors=_options(directory))


def cluster(directory: Path, size: int = 3) -> list[Supervisord]:
    """Daemons that Supvisors joins, without psutil."""
    ports = sorted(free_port() for _ in range(size))  # Supvisors sorts instances by address
    names = [f"supv-{number:02}" for number in range(1, size + 1)]
    everyone = ",".join(f"<{name}>127.0.0.1:{port}" for name, port in zip(names, ports, strict=True))
    daemons = []
    for name, port in zip(names, ports, strict=True):
        own = directory / name
        own.mkdir()
        daemons.append(
            Supervisord(own, supvisors=_options(own, supvisors_list=everyone), identifier=name, port=port, psutil=False)
        )
    return daemons


def _options(directory: Path, **more: str) -> dict[str, str]:
    return {
        **more,
        "rules_files": str(PROGRAMS / "rules.xml"),
        "disabilities_file": str(directory / "disabilities.json"),
    }


def _plugin(name: str, factory: str, **options: str) -> str:
    return _section(f"rpcinterface:{name}", **{"supervisor.rpcinterface_factory": factory}, **options)


def _section(name: str, **options: str) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {value}" for key, value in options.items()), ""])
