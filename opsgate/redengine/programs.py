"""What runs the tasks: our scheduler, or a process that imports and runs the user's own session."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from opsgate.backends.redengine.attached import side
from opsgate.config import ConfigError
from opsgate.redengine import chosen
from opsgate.settings import Settings

_LONGEST: Final = 107  # bytes of a socket's path


def program(settings: Settings, file: Path, gateway: int | None = None) -> list[str] | None:
    """The command line, for whoever looks after it; None where the user's own scheduler runs already.

    Args:
        settings: The settings.
        file: Where they are written.
        gateway: The process with which a scheduler is to end.

    Raises:
        ConfigError: A socket cannot have the path that follows from the state directory.
    """
    own = settings.redengine
    if own.attached:
        return None
    if own.session:
        path = chosen.socket(settings)
        if len(path.encode()) > _LONGEST:
            raise ConfigError(f"redengine.state_dir: {path} is too long a path for a socket; choose a shorter one")
        return [own.python or sys.executable, str(side.__file__), path, own.session]
    scheduler = [sys.executable, "-P", "-m", "opsgate.redengine.scheduler", str(file)]
    return scheduler if gateway is None else [*scheduler, str(gateway)]
