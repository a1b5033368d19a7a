"""The scheduler of the Red Engine API as a program of the private supervisord."""

from __future__ import annotations

import shlex

from opsgate.config import Settings
from opsgate.redengine.beside import command
from opsgate.up.state import StateDir


def program(settings: Settings, state: StateDir) -> dict[str, object] | None:
    """Its section; none where the API is not served."""
    if settings.apis and "redengine" not in settings.apis:
        return None
    return {
        "command": shlex.join(command(state.gateway_toml)),
        "autorestart": "true",
        "stopwaitsecs": "70",
        "stopasgroup": "false",
        "killasgroup": "false",
        "redirect_stderr": "true",
        "stdout_logfile": state.logs / "redengine.log",
        "priority": "1",
    }
