"""The private ecflow_server of `opsgate up`: where it is installed, started by supervisord.

It takes commands of one user only, whose password this run made up, and is kept to this machine from outside, for it
would listen on all interfaces and take from everybody what needs no password (docs/decisions/0008).
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import string
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from opsgate.config import ConfigError
from opsgate.ecflow import loopback
from opsgate.ecflow.launch import OPEN
from opsgate.settings import Settings

API: Final = "ecflow"
USER: Final = "opsgate"
_SEARCH: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
_PORTS: Final = range(20000, 32000)
"""Of those that ecflow_server takes, the ones that no outgoing connection gets."""
_LETTERS: Final = string.ascii_letters + string.digits
_COUNTED: Final = 8
"""How many characters of a password count."""
_INSTEAD: Final = "or name one that runs: [ecflow] host and port, ECF_HOST and ECF_PORT"


class MissingError(ConfigError):
    """No private server can be had; the message says why, and what to do."""


@dataclass(frozen=True)
class PrivateServer:
    """One for this run.

    Attributes:
        program: The path of ecflow_server.
        home: Its ECF_HOME, the same in each run.
        port: Its port.
        password: That of `USER`.
        confined: Whether it is kept to this machine.
    """

    program: str
    home: Path
    port: int
    password: str = field(repr=False)
    confined: bool = True

    @property
    def command(self) -> list[str]:
        """How it is started."""
        module = [sys.executable, "-P", "-m", "opsgate.ecflow.launch", self.program, str(self.port)]
        return module if self.confined else [*module, OPEN]

    @property
    def environment(self) -> dict[str, str]:
        """What it is told, beside its port. Files are named alike in each run, whatever the port."""
        files = {"ECF_LOG": "ecf.log", "ECF_CHECK": "ecf.check", "ECF_CHECKOLD": "ecf.check.b", "ECF_PASSWD": "passwd"}
        return {
            "ECF_HOME": str(self.home),
            "ECF_PORT": str(self.port),
            **{name: str(self.home / file) for name, file in files.items()},
        }

    @property
    def passwords(self) -> str:
        """The text of its password file."""
        hosts = ("localhost", "127.0.0.1", socket.gethostname())
        return "".join(["4.5.0\n", *(f"{USER} {host} {self.port} {self.password}\n" for host in hosts)])


def private(settings: Settings, home: Path) -> PrivateServer | None:
    """The server to start; none where the settings name another, or the API is not to be served.

    Raises:
        MissingError: It is not installed, or cannot be kept to this machine.
    """
    named = settings.ecflow.host or settings.ecflow.port
    if named or (settings.apis and API not in settings.apis):
        return None
    program = shutil.which("ecflow_server", path=_SEARCH)
    if program is None:
        raise MissingError(
            f"no ecflow_server is installed: sudo apt-get install ecflow-server ecflow-client, {_INSTEAD}"
        )
    confined = loopback.possible()
    if not (confined or settings.server.insecure):
        raise MissingError(
            "ecflow_server would listen on all interfaces, and this system does not let us keep it to this machine: "
            f"say --insecure if it may, {_INSTEAD}"
        )
    password = "".join(secrets.choice(_LETTERS) for _ in range(_COUNTED))
    return PrivateServer(program, home, _free_port(), password, confined)


def _free_port() -> int:
    for port in secrets.SystemRandom().sample(_PORTS, 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port for ecflow_server")
