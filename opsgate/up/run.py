"""Starts the private supervisord: this process becomes it."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import msgspec

from opsgate import __version__, apis
from opsgate.config import ENGINE_VARIABLES, PREFIX
from opsgate.preflight import check_free
from opsgate.settings import Settings
from opsgate.up import announce, conf, ecflow, redengine, state
from opsgate.up.state import StateDir


def default_state_dir() -> Path:
    """See `opsgate.up.state.default_root`."""
    return state.default_root()


def run(settings: Settings, state_dir: Path) -> None:
    """Write the configuration and become supervisord; does not return.

    Raises:
        ConfigError: A wrong setting, an address that is taken, a state directory that is in use.
    """
    chosen = apis.chosen(settings)
    check_free(settings.addresses)
    where = state.prepare(state_dir)
    state.lock(where)
    server, without = _ecflow_server(settings, where)
    settings = msgspec.structs.replace(settings, apis=[api.name for api in chosen if api.name != without])
    state.write_private(where.gateway_toml, conf.gateway_toml(settings, where, server))
    scheduler = redengine.program(settings, where)
    further = {} if scheduler is None else {"redengine": scheduler}
    text = conf.supervisord_conf(where, conf.Inet.on(_free_port()), server, further)
    state.write_private(where.supervisord_conf, text)
    where.socket.unlink(missing_ok=True)
    print(f"Opsgate {__version__} starts; state in {where.root}; Ctrl-C stops it.", flush=True)  # noqa: T201
    announce.when_ready(settings.addresses, settings.apis, where)
    command = [sys.executable, "-P", "-m", "supervisor.supervisord", "-c", str(where.supervisord_conf)]
    os.execve(sys.executable, command, _environment())  # noqa: S606 - no shell is meant


def _ecflow_server(settings: Settings, where: StateDir) -> tuple[ecflow.PrivateServer | None, str | None]:
    """The private ecflow_server, if any, and the API that is left out because there is none."""
    try:
        server = ecflow.private(settings, where.ecflow)
    except ecflow.MissingError as exc:
        if ecflow.API in settings.named:
            raise
        print(f"The ecFlow API is left out: {exc}", flush=True)  # noqa: T201
        return None, ecflow.API
    if server is not None:
        where.ecflow.mkdir(mode=0o700, exist_ok=True)
        state.write_private(where.ecflow / "passwd", server.passwords)
    return server, None


def _environment() -> dict[str, str]:
    """Ours without our settings and an outer supervisord's: every program started later would inherit them."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(PREFIX) and name not in ENGINE_VARIABLES
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
