"""Installs packages with pip into the Python that runs the jobs.

Config:
    PIP_CMD: Arguments for pip as one text; `install` is put in front if it is not among them.
    LOCAL_PATH: A package's directory or file, if there is no PIP_CMD.

Status: `{"succeeded": true, "stdout"}`, or `{"succeeded": false, "stdout", "errors"}`; the job itself succeeds in
either case, as it does with Hoplite. Plugins that were installed can be used at once.
"""

from __future__ import annotations

import shlex
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from opsgate.backends.hoplite.updater import StatusUpdater


def run(config: dict[str, Any], status: StatusUpdater) -> None:
    """Call pip and report what it said."""
    arguments = _arguments(config)
    if not arguments:
        status.update({"succeeded": False, "errors": ["No local path specified"]})
        return
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments]
    done = subprocess.run(  # noqa: S603 - what it is for
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    said = done.stdout.decode(errors="replace")
    print(said, end="")  # noqa: T201 - the job's output
    report: dict[str, Any] = {"succeeded": done.returncode == 0, "stdout": said}
    if done.returncode:
        report["errors"] = [f"pip ended with status {done.returncode}"]
    status.update(report)


def _arguments(config: dict[str, Any]) -> list[str]:
    if config.get("PIP_CMD") is not None:
        arguments = shlex.split(config["PIP_CMD"])
        return arguments if "install" in arguments else ["install", *arguments]
    path = config.get("LOCAL_PATH")
    return ["install", "--", str(path)] if path else []
