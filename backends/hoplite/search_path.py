"""Where the Python that runs the jobs looks for packages, as a fresh process of it would see it now.

The interpreter is asked once; `.pth` files in its site directories, and in those of the configuration, are read again
whenever they change. Lines with `import` are left to the interpreter: packages that need them lie in a site directory.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from opsgate.backends.errors import Unavailable

log = logging.getLogger(__name__)

_LIMIT: Final = 30.0  # seconds an interpreter has to answer
_QUESTION: Final = """
import json, site, sys
sites = list(site.getsitepackages()) + ([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])
print(json.dumps([[path for path in sys.path if path], sites]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python.

    Attributes:
        program: Its path.
        environment: What it is started with: the same as jobs.
    """

    program: str
    environment: Mapping[str, str]

    def ask(self) -> tuple[list[str], list[str]]:
        """Return its search path, and its site directories whether they exist or not.

        Raises:
            Unavailable: It does not run.
        """
        command = [self.program, "-c", _QUESTION]
        try:
            done = subprocess.run(  # noqa: S603 - the operator's choice
                command, stdin=subprocess.DEVNULL, capture_output=True, env=self.environment, timeout=_LIMIT, check=True
            )
            path, sites = json.loads(done.stdout)
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise Unavailable(f"{self.program}, the Python for jobs, does not tell its search path: {error}") from error
        return path, sites


class SearchPath:
    """The directories in which packages for jobs lie. Its methods read the disk: not for the event loop.

    Args:
        interpreter: The Python that runs the jobs.
        configured: Directories that are searched before its own.
    """

    def __init__(self, interpreter: Interpreter, configured: Sequence[str]) -> None:
        self._interpreter = interpreter
        self._configured = [str(Path(directory).absolute()) for directory in configured]
        self._base: tuple[list[str], list[str]] | None = None

    def directories(self) -> list[str]:
        """Return all of them, in order, each once."""
        path, sites = self._ask()
        found = dict.fromkeys([*self.configured(), *path])
        for site in sites:
            found.update(dict.fromkeys(_added(site)))
        return list(found)

    def configured(self) -> list[str]:
        """Return those that jobs have to be told of, `.pth` lines included."""
        found: dict[str, None] = {}
        for directory in self._configured:
            found.update(dict.fromkeys([directory, *_added(directory)]))
        return list(found)

    def forget(self) -> None:
        """Ask the interpreter anew next time."""
        self._base = None

    def _ask(self) -> tuple[list[str], list[str]]:
        if self._base is None:
            self._base = self._interpreter.ask()
        return self._base


def _added(site: str) -> list[str]:
    """The directories that the `.pth` files of a site directory add, in the order in which Python reads them."""
    try:
        names = sorted(os.listdir(site))  # noqa: PTH208 - names are enough
    except OSError:
        return []
    files = [Path(site) / name for name in names if name.endswith(".pth") and not name.startswith(".")]
    return [directory for file in files for directory in _lines(file)]


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        log.warning("%s cannot be read: %s", file, error)
        return []
    named = [line.rstrip() for line in lines if line.strip() and not line.startswith(("#", "import"))]
    paths = [str(file.parent / name) for name in named if "\0" not in name]
    return [path for path in paths if Path(path).is_dir()]
