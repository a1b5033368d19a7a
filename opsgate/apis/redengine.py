"""The Red Engine API: a session of our own, its clock in the scheduler process, its runs on the job engine."""

from __future__ import annotations

from opsgate import job_engine, problems
from opsgate.apis.record import Api, Backend
from opsgate.backends.redengine.attached.backend import AttachedBackend
from opsgate.backends.redengine.backend import RedengineBackend
from opsgate.config import Settings
from opsgate.redengine import chosen
from opsgate.redengine.layers import RedengineLayers
from opsgate.redengine.presenting import QUERY


def connect(settings: Settings) -> Backend:
    """The session in its state directory, or one of the user's own."""
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
