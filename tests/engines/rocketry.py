"""rocketry itself, which needs the first pydantic and so cannot be among the packages of the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

_PINS: Final = (
    "rocketry==2.5.1",
    "redbird==0.7.1",
    "pydantic==1.10.27",
    "python-dateutil==2.9.0.post0",
    "six==1.17.0",
    "typing_extensions==4.12.2",
)


def install(directory: Path) -> Path:
    """Make an environment that has it, and return its Python."""
    venv.create(directory, symlinks=True)
    (packages,) = directory.glob("lib/python*/site-packages")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    # Our own versions do not count there: that is what it is for.
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    subprocess.run([*pip, "--target", str(packages), *_PINS], check=True, timeout=300, env=environment)
    return directory / "bin" / "python"
