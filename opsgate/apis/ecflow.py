"""The ecFlow API: any ecflow_server, by its wire protocol."""

from __future__ import annotations

import ssl
from pathlib import Path

from opsgate import job_engine, problems
from opsgate.apis.record import Api, Backend
from opsgate.backends.ecflow import engine
from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.port import User
from opsgate.config import ConfigError, NotConfigured
from opsgate.ecflow.credentials import is_report
from opsgate.ecflow.layers import EcflowLayers
from opsgate.ecflow.service import EcflowService
from opsgate.settings import Settings


def connect(settings: Settings) -> Backend:
    """The ecflow_server that the settings name, the default one only if the API is asked for by name."""
    chosen = settings.ecflow
    if not (chosen.host or chosen.port or API.name in settings.named):
        raise NotConfigured(
            "ecflow: neither ecflow.host nor ecflow.port is set; say which ecflow_server with ECF_HOST and ECF_PORT, "
            "or --api ecflow for localhost:3141"
        )
    host, port = _place(settings)
    try:
        context = ssl.create_default_context(cafile=chosen.certificate) if chosen.certificate else None
        if context is not None:
            context.check_hostname = False  # the server's certificate is made for itself, and is the one we trust
        where = Address(host, port, context)
        user = User(chosen.user, chosen.password or None) if chosen.user else None
        limits = Limits(
            answer=chosen.timeout,
            polling_interval=chosen.polling_interval,
            max_polling_interval=chosen.max_polling_interval,
        )
        return EcflowService(engine.connect(where, user=user, shared=_common(settings), limits=limits))
    except (OSError, ValueError) as exc:
        raise ConfigError(f"ecflow: {exc}") from exc


def _common(settings: Settings) -> Path:
    """The directory of all workers in front of one ecflow_server: of all gateways of this user, too."""
    chosen = settings.ecflow
    base = Path(chosen.state_dir).absolute() if chosen.state_dir else job_engine.state_dir(settings).parent / "ecflow"
    return base / "{}.{}".format(*_place(settings)).replace("/", "_")


def _place(settings: Settings) -> tuple[str, int]:
    """Host and port of the server, where ecflow_server itself is by default."""
    return settings.ecflow.host or "localhost", settings.ecflow.port or 3141


API = Api(
    "ecflow",
    "ecFlow REST API",
    connect,
    problems.render_request,
    lenient=True,
    any_text=True,
    max_body=lambda settings: settings.ecflow.max_body,
    statuses=problems.ecflow_status,
    consumed=("filter", "key"),
    challenges=('Basic realm="ecFlow"', 'Bearer realm="ecFlow"'),
    exempt=is_report,
    layers=EcflowLayers(),
)
