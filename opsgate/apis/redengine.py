"""The Red Engine API: a session of our own, its clock in the scheduler process, its runs on the job engine."""

from __future__ import annotations

from opsgate import job_engine, problems
from opsgate.apis.record import Api, Backend
from opsgate.backends.redengine.attached.backend import AttachedBackend
from opsgate.backends.redengine.backend import RedengineBackend
from opsgate.config import NotConfigured
from opsgate.redengine import chosen
from opsgate.redengine.layers import RedengineLayers
from opsgate.redengine.presenting import QUERY
from opsgate.settings import Settings


def connect(settings: Settings) -> Backend:
    """The session in its state directory, or one of the user's own."""
    own = settings.redengine
    if not (API.name in settings.named or own.state_dir or own.session or own.attached or own.adopt):
        raise NotConfigured(
            "redengine: its scheduler is a process of its own; start `python -m opsgate.redengine.scheduler FILE` "
            "and say where it keeps its state: redengine.state_dir"
        )
    options, socket = chosen.options(settings), chosen.socket(settings)
    return AttachedBackend(socket, options) if socket else RedengineBackend(job_engine.of(settings), options)


API = Api(
    "redengine",
    "Red Engine runtime API",
    connect,
    problems.render_problem,
    lenient=True,
    whole_query=QUERY,
    layers=RedengineLayers(),
)
