"""What runs the tasks of the Red Engine API, as a program of the private supervisord."""

from __future__ import annotations

import shlex

import msgspec

from opsgate.redengine import chosen, programs
from opsgate.settings import Settings
from opsgate.up.state import StateDir


def program(settings: Settings, state: StateDir) -> dict[str, object] | None:
    """Its section; none where the API is not served, or the user's own scheduler runs already.

    Raises:
        ConfigError: See `opsgate.redengine.programs.program`.
    """
    if settings.apis and "redengine" not in settings.apis:
        return None
    where = settings.redengine.state_dir or str(state.redengine)
    own = msgspec.structs.replace(settings, redengine=msgspec.structs.replace(settings.redengine, state_dir=where))
    command = programs.program(own, state.gateway_toml)
    if command is None:
        return None
    chosen.state_dir(own).mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "command": shlex.join(command),
        "autorestart": "true",
        "stopwaitsecs": "70",
        "stopasgroup": "false",
        "killasgroup": "false",
        "redirect_stderr": "true",
        "stdout_logfile": state.logs / "redengine.log",
        "priority": "1",
    }
