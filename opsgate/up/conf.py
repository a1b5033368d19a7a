"""Writes the configuration of the private supervisord, and that of the gateway it runs."""

from __future__ import annotations

import configparser
import io
import os
import pwd
import resource
import secrets
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import tomli_w

from opsgate.settings import Settings
from opsgate.up.ecflow import USER, PrivateServer
from opsgate.up.state import StateDir

Sections = dict[str, dict[str, object]]

DESCRIPTORS: Final = 4096
"""How many files and sockets supervisord may hold: every waiting call of the gateway is one of them."""


@dataclass(frozen=True)
class Inet:
    """The TCP server of supervisord, without which Supvisors does not load. The gateway uses the socket file.

    Attributes:
        port: On 127.0.0.1.
        password: Known to supervisord and Supvisors alone, so that no other user of this machine gets in.
    """

    port: int
    password: str

    @staticmethod
    def on(port: int) -> Inet:
        """The server on a port with a password made up for this run."""
        return Inet(port, secrets.token_urlsafe(24))


def supervisord_conf(
    state: StateDir, inet: Inet, ecflow: PrivateServer | None = None, further: Sections | None = None
) -> str:
    """The text of supervisord's configuration; `further` are sections of programs by the programs' names."""
    programs = {**({"ecflow": _ecflow(state, ecflow)} if ecflow else {}), **(further or {})}
    sections: Sections = {
        "supervisord": {
            "nodaemon": "true",
            "silent": "true",
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "identifier": "opsgate",
            "logfile": state.logs / "supervisord.log",
            "pidfile": state.pid_file,
            "childlogdir": state.logs,
            "minfds": _descriptors(),
        },
        "unix_http_server": {"file": state.socket, "chmod": "0700"},
        "inet_http_server": {"port": f"127.0.0.1:{inet.port}", "username": "opsgate", "password": inet.password},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "rpcinterface:supvisors": {
            "supervisor.rpcinterface_factory": "opsgate.backends.supvisors.plugin:make",
            "synchro_options": "LIST",
            "rules_files": state.rules / "*.xml",
            "disabilities_file": state.disabilities,
            "logfile": state.logs / "supvisors.log",
        },
        "supervisorctl": {"serverurl": f"unix://{state.socket}"},
        "include": {"files": state.programs / "*.conf"},
        "group:opsgate": {"programs": ",".join(["gateway", *programs])},
        "program:gateway": {
            "command": shlex.join(
                [sys.executable, "-P", "-m", "opsgate", "serve", "--config", str(state.gateway_toml)]
            ),
            "autorestart": "true",
            "startsecs": "2",
            "stopwaitsecs": "30",
            "stopasgroup": "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": state.logs / "gateway.log",
            "priority": "1",
        },
    }
    return _ini(sections | {f"program:{name}": section for name, section in programs.items()})


def _ecflow(state: StateDir, ecflow: PrivateServer) -> dict[str, object]:
    """The server's jobs are no part of it; on SIGTERM it only writes its checkpoint, so it is killed soon after."""
    return {
        "command": shlex.join(ecflow.command),
        "directory": ecflow.home,
        "environment": ",".join(f'{name}="{value}"' for name, value in ecflow.environment.items()),
        "autorestart": "true",
        "stopwaitsecs": "2",
        "stopasgroup": "false",
        "killasgroup": "false",
        "redirect_stderr": "true",
        "stdout_logfile": state.logs / "ecflow.log",
        "priority": "0",
    }


def gateway_toml(settings: Settings, state: StateDir, ecflow: PrivateServer | None = None) -> str:
    """The text of the gateway's configuration: the settings of `opsgate up`, and the private supervisord."""
    content: dict[str, Any] = msgspec.to_builtins(settings)
    content["supvisors"] |= {"url": f"unix://{state.socket}", "username": "", "password": ""}
    content["jobs"]["state_dir"] = content["jobs"]["state_dir"] or str(state.jobs)
    content["redengine"]["state_dir"] = content["redengine"]["state_dir"] or str(state.redengine)
    if ecflow is not None:
        server = {"host": "127.0.0.1", "port": ecflow.port, "user": USER, "password": ecflow.password}
        content["ecflow"] |= {**server, "state_dir": str(ecflow.home / "gateway")}
    content["ecflow"]["tokens_file"] = str(Path(settings.ecflow.tokens_file).absolute())
    return tomli_w.dumps(content)


def _descriptors() -> int:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)


def _ini(sections: Sections) -> str:
    """The sections as text; supervisord expands ``%``, so those of values are doubled."""
    parser = configparser.RawConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
    for name, settings in sections.items():
        parser[name] = {key: str(value).replace("%", "%%") for key, value in settings.items()}
    text = io.StringIO()
    parser.write(text)
    return text.getvalue()
