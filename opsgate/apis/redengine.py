"""The Red Engine API: a session of our own, its clock in the scheduler process, its runs on the job engine."""

from __future__ import annotations

import sys
from pathlib import Path

from opsgate import job_engine, problems
from opsgate.apis.record import Api, Backend
from opsgate.backends.redengine.options import CLASSES, Options
from opsgate.config import ConfigError, Settings
from opsgate.redengine.layers import RedengineLayers
from opsgate.redengine.presenting import QUERY


def connect(settings: Settings) -> Backend:
    """The session in its state directory."""
    raise NotImplementedError


def options(settings: Settings) -> Options:
    """What the backend is told, in the gateway and in the scheduler alike.

    Raises:
        ConfigError: An unknown task class.
    """
    chosen = settings.redengine
    for name in chosen.classes:
        if name not in CLASSES:
            raise ConfigError(f"redengine.classes: {name!r} is not one of {', '.join(CLASSES)}")
    return Options(
        root=state_dir(settings),
        classes=tuple(chosen.classes),
        modules=tuple(chosen.modules),
        shell=chosen.shell,
        timeout=chosen.timeout or None,
        output=chosen.output,
        grace=chosen.grace,
        keep_runs=chosen.keep_runs,
        keep_records=chosen.keep_records,
        interpreter=chosen.python or sys.executable,
        directory=chosen.directory or None,
    )


def state_dir(settings: Settings) -> Path:
    """Where the session is kept."""
    own = settings.redengine.state_dir
    return Path(own).absolute() if own else job_engine.state_dir(settings).parent / "redengine"


API = Api(
    "redengine",
    "Red Engine runtime API",
    connect,
    problems.render_problem,
    lenient=True,
    whole_query=QUERY,
    layers=RedengineLayers(),
)
