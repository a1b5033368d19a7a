"""The Supvisors API: any supervisord, by its XML-RPC interface."""

from __future__ import annotations

from opsgate import problems
from opsgate.apis.record import Api, Backend
from opsgate.backends.supvisors import engine
from opsgate.backends.supvisors.limits import Limits
from opsgate.config import ConfigError, NotConfigured
from opsgate.settings import Settings


def connect(settings: Settings) -> Backend:
    """The supervisord that the settings name."""
    chosen = settings.supvisors
    if not chosen.url:
        raise NotConfigured(
            "supvisors.url: not set; say which supervisord with -u http://HOST:PORT or unix:///PATH, "
            "SUPERVISOR_SERVER_URL, or run `opsgate up` for a private one"
        )
    try:
        return engine.connect(
            chosen.url,
            username=chosen.username or None,
            password=chosen.password or None,
            limits=Limits(
                short=chosen.timeout,
                long=chosen.wait_timeout,
                waiting=chosen.max_waiting,
                numprocs=chosen.max_numprocs,
            ),
        )
    except ValueError as exc:
        raise ConfigError(f"supvisors.url: {exc}") from exc


API = Api("supvisors", "Supvisors REST API", connect, problems.render_message)
