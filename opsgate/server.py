"""Serves the app with gunicorn and uvicorn workers."""

from __future__ import annotations

import os
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from starlette.types import ASGIApp
from uvicorn_worker import UvicornWorker

from opsgate import logs
from opsgate.addresses import Address
from opsgate.app import build
from opsgate.config import ConfigError, Settings
from opsgate.config import Server as ServerSettings
from opsgate.metrics.sharing import Shared
from opsgate.records import Records


class Worker(UvicornWorker):
    """A uvicorn worker on uvloop and httptools whose failure to start stops the whole server.

    With ``lifespan="auto"`` uvicorn would take a failed start for a missing feature and answer 500 to everything.
    """

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": "httptools",
        "lifespan": "on",
        "ws": "none",
        "server_header": False,
        "proxy_headers": False,
        "access_log": False,
    }


class Gateway(BaseApplication):
    """gunicorn's application: settings from ours, the app built before the workers are forked."""

    def __init__(self, settings: Settings) -> None:
        """Build the app, so that a mistake in settings, specs or handlers is told before anything listens."""
        self._settings = settings
        # Twice as many as workers: after a reload the old ones end while the new ones work.
        self._shared = Shared(2 * settings.server.workers)
        self._asgi = build(settings, self._shared)
        super().__init__()

    def load_config(self) -> None:
        """Tell gunicorn our settings."""
        server = self._settings.server
        options = {
            "bind": [address.bind for address in self._settings.addresses],
            "workers": server.workers,
            "worker_class": f"{__name__}.{Worker.__name__}",
            "preload_app": True,
            "keepalive": server.keepalive,
            "timeout": 30,  # the heartbeat of the event loop, not a limit for requests
            "graceful_timeout": server.graceful_timeout,
            "loglevel": server.log_level,
            "logconfig_dict": logs.gunicorn(server.log_level, as_json=server.log_format == "json"),
            "proc_name": "opsgate",
            "worker_tmp_dir": _memory_directory(),
            "control_socket_disable": True,  # by default all instances of a user share one
            "pre_fork": lambda _master, worker: self._shared.before_fork(worker.age),
            "post_fork": lambda _master, worker: self._shared.after_fork(worker.age),
            "child_exit": lambda _master, worker: self._shared.after_end(worker.age),
        }
        if server.certfile:
            options |= {"certfile": server.certfile, "keyfile": server.keyfile}
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> ASGIApp:
        """The app, as gunicorn asks for it."""
        return self._asgi


def run(settings: Settings) -> None:
    """Serve until told to stop; does not return normally.

    Raises:
        ConfigError: See `opsgate.app.build`; also for an address that is taken.
    """
    logs.configure(settings.server.log_level, as_json=settings.server.log_format == "json")
    check_free(settings.addresses)
    _check_writable(settings.server)
    if settings.server.certfile or settings.server.keyfile:
        _check_certificate(settings.server)
    Gateway(settings).run()


def check_free(addresses: list[Address]) -> None:
    """Refuse a TCP address that cannot be bound: gunicorn would try again five times, a second apart.

    Raises:
        ConfigError: Naming the address and the system's reason.
    """
    for address in addresses:
        if address.path:
            continue
        try:
            family, kind, protocol, _, target = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[
                0
            ]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(target)
        except OSError as exc:
            raise ConfigError(f"server.bind: {address.bind}: {exc.strerror or exc}") from exc


def _check_writable(server: ServerSettings) -> None:
    try:
        Records(server.access_log, server.audit_log).try_out()
    except OSError as exc:
        raise ConfigError(f"server.access_log, server.audit_log: {exc.filename}: {exc.strerror}") from exc


def _check_certificate(server: ServerSettings) -> None:
    """Refuse files that TLS cannot use: workers would find out, end, and be started again without end."""
    for name, file in (("certfile", server.certfile), ("keyfile", server.keyfile)):
        if not file:
            raise ConfigError(f"server.{name}: not set, but TLS needs both certfile and keyfile")
        try:
            with Path(file).open("rb"):
                pass
        except OSError as exc:
            raise ConfigError(f"server.{name}: {file!r} cannot be read: {exc.strerror}") from exc
    try:
        # An empty password, or a key that has one would be asked for on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(server.certfile, server.keyfile, lambda: "")
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "reason", None) or str(exc)
        raise ConfigError(
            f"server.certfile, server.keyfile: {server.certfile} and {server.keyfile} are no certificate and its key, "
            f"without a password: {reason}"
        ) from exc


def _memory_directory() -> str:
    """Where workers leave their heartbeat: never a disk that may hang."""
    shared = Path("/dev/shm")  # noqa: S108 - a file system in memory
    return str(shared) if os.access(shared, os.W_OK) else tempfile.gettempdir()
