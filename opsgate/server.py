"""Serves the app with gunicorn and uvicorn workers."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from gunicorn.app.base import BaseApplication
from starlette.types import ASGIApp
from uvicorn_worker import UvicornWorker

from opsgate import hangup, inherited, logs, preflight
from opsgate.app import build
from opsgate.backends.jobs import linux
from opsgate.impatience import Impatient
from opsgate.master import Master
from opsgate.metrics.sharing import Shared
from opsgate.settings import Settings

_UP = "opsgate"
"""The group of supervisord's programs that `opsgate up` makes."""


class Worker(UvicornWorker):
    """A uvicorn worker on uvloop and httptools whose failure to start stops the whole server.

    With ``lifespan="auto"`` uvicorn would take a failed start for a missing feature and answer 500 to everything.
    """

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "uvloop",
        "http": Impatient,
        "lifespan": "on",
        "ws": "none",
        "server_header": False,
        "proxy_headers": False,
        "access_log": False,
    }

    def __init__(self, *arguments: Any, **more: Any) -> None:
        """End what is still under way, an endless stream for one, before gunicorn kills the worker for it."""
        super().__init__(*arguments, **more)
        self.config.timeout_graceful_shutdown = max(0, self.cfg.graceful_timeout - 1)

    def init_signals(self) -> None:
        """Set signals as uvicorn wants them, and SIGHUP as Flux means it; end when gunicorn's master is killed.

        An orphan would go on listening, and no new gateway could have the address.
        """
        super().init_signals()
        hangup.in_worker()
        linux.die_with_parent(signal.SIGTERM)
        if os.getppid() != self.ppid:
            os.kill(os.getpid(), signal.SIGTERM)


class ProxiedWorker(Worker):
    """The same behind proxies: those in gunicorn's forwarded_allow_ips are believed about client and scheme."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {**Worker.CONFIG_KWARGS, "proxy_headers": True}


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
            "umask": 0o117,  # of socket files alone: everybody on this machine could come in otherwise
            "workers": server.workers,
            "worker_class": f"{__name__}.{(ProxiedWorker if server.proxies else Worker).__name__}",
            "preload_app": True,
            "keepalive": server.keepalive,
            "timeout": 30,  # the heartbeat of the event loop, not a limit for requests
            "graceful_timeout": server.graceful_timeout,
            "loglevel": server.log_level,
            "logconfig_dict": logs.gunicorn(server.log_level, as_json=server.log_format == "json"),
            "proc_name": "opsgate",
            "worker_tmp_dir": _memory_directory(),
            "control_socket_disable": True,  # by default all instances of a user share one
            "when_ready": hangup.when_ready,
            "pre_exec": inherited.pre_exec,
            "pre_fork": lambda _master, worker: self._shared.before_fork(worker.age),
            "post_fork": lambda _master, worker: self._shared.after_fork(worker.age),
            "child_exit": lambda _master, worker: self._shared.after_end(worker.age),
        }
        if server.proxies:
            options["forwarded_allow_ips"] = ",".join(server.proxies)
        if server.certfile:
            options |= {"certfile": server.certfile, "keyfile": server.keyfile}
        for name, value in options.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until told to stop."""
        Master(self).run()

    def load(self) -> ASGIApp:
        """The app, as gunicorn asks for it."""
        return self._asgi


def run(settings: Settings) -> None:
    """Serve until told to stop; does not return normally.

    Raises:
        ConfigError: See `opsgate.app.build` and `opsgate.preflight.check`.
    """
    logs.configure(settings.server.log_level, as_json=settings.server.log_format == "json")
    preflight.check(settings)
    if os.environ.get("SUPERVISOR_GROUP_NAME") == _UP:
        # When its supervisord is killed, an orphan would keep the address from the gateway of the next one.
        linux.die_with_parent(signal.SIGTERM)
    Gateway(settings).run()


def _memory_directory() -> str:
    """Where workers leave their heartbeat: never a disk that may hang."""
    shared = Path("/dev/shm")  # noqa: S108 - a file system in memory
    return str(shared) if os.access(shared, os.W_OK) else tempfile.gettempdir()
