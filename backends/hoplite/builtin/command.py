"""Runs a program: whoever can create jobs can then run any.

Config:
    command: The program with its arguments, a list of texts; or one text for /bin/sh.
    cwd: Where to run it; the job's own directory if not given.
    env: Further environment variables.

What it writes is the job's output. Status: `{"state", "pid"}`, then `{"state", "pid", "exit_code"}`; an exit code other
than 0 is the job's failure too.
"""

from __future__ import annotations

import os
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from opsgate.backends.hoplite.updater import StatusUpdater


def run(config: dict[str, Any], status: StatusUpdater) -> None:
    """Run the program, and exit as it does: by a signal, as a shell tells it, with 128 and the signal's number."""
    command = config["command"]
    argv = ["/bin/sh", "-c", command] if isinstance(command, str) else [str(part) for part in command]
    environment = os.environ | {str(name): str(value) for name, value in config.get("env", {}).items()}
    with subprocess.Popen(argv, cwd=config.get("cwd"), env=environment) as process:  # noqa: S603 - what it is for
        status.update({"state": "running", "pid": process.pid})
        code = process.wait()
    code = 128 - code if code < 0 else code
    status.update({"state": "finished", "pid": process.pid, "exit_code": code})
    if code:
        sys.exit(code)
