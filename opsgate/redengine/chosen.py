"""What the settings say to the backend: in the gateway and in the scheduler, which need not load the web service."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from opsgate import job_engine
from opsgate.backends.redengine.options import CLASSES, Options
from opsgate.config import ConfigError
from opsgate.settings import Redengine, Settings

_LEAST: Final = {"timeout": 0, "output": 0, "grace": 0, "keep_runs": 1, "keep_records": 1}


def options(settings: Settings) -> Options:
    """The backend's options.

    Raises:
        ConfigError: An unknown task class, a number out of its range.
    """
    chosen = settings.redengine
    _check(chosen)
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


def _check(chosen: Redengine) -> None:
    for name in chosen.classes:
        if name not in CLASSES:
            raise ConfigError(f"redengine.classes: {name!r} is not one of {', '.join(CLASSES)}")
    if len(named := [name for name in ("session", "attached", "adopt") if getattr(chosen, name)]) > 1:
        raise ConfigError(f"redengine.{named[0]} and redengine.{named[1]} exclude each other")
    for name, least in _LEAST.items():
        if getattr(chosen, name) < least:
            raise ConfigError(f"redengine.{name}: {getattr(chosen, name)} is less than {least}")


def socket(settings: Settings) -> str:
    """Where a session of the user's own is offered; empty where tasks are ours."""
    own = settings.redengine
    return own.attached or (str(state_dir(settings) / "session.sock") if own.session else "")


def state_dir(settings: Settings) -> Path:
    """Where the session is kept."""
    own = settings.redengine.state_dir
    return Path(own).absolute() if own else job_engine.state_dir(settings).parent / "redengine"
