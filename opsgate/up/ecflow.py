"""The private ecflow_server of `opsgate up`: where it is installed, started by supervisord.

It listens on all interfaces, which cannot be changed, so it takes commands of one user only, whose password this run
made up. Reports of jobs carry passwords of their own.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opsgate.config import Ecflow, Settings

USER: Final = "opsgate"
_SEARCH: Final = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin"])
_PORTS: Final = range(20000, 32000)
"""Of those that ecflow_server takes, the ones that no outgoing connection gets."""


@dataclass(frozen=True)
class PrivateServer:
    """One for this run.

    Attributes:
        program: The path of ecflow_server.
        home: Its ECF_HOME, the same in each run.
        port: Its port.
        password: That of `USER`.
    """

    program: str
    home: Path
    port: int
    password: str

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
    """The server to start; none where it is not installed, or the settings name another."""
    named = (settings.ecflow.host, settings.ecflow.port) != (Ecflow().host, Ecflow().port)
    wanted = not settings.apis or "ecflow" in settings.apis
    program = shutil.which("ecflow_server", path=_SEARCH)
    if named or not wanted or program is None:
        return None
    return PrivateServer(program, home, _free_port(), secrets.token_hex(4))


def _free_port() -> int:
    for port in secrets.SystemRandom().sample(_PORTS, 50):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port for ecflow_server")
