"""The job plugins that are installed now: entry points, read without importing what they name.

There is nothing to reload: directories are listed whenever somebody asks, and a file is read again when it changed.
"""

from __future__ import annotations

import logging
import os
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Final

from opsgate.backends.hoplite.search_path import SearchPath

log = logging.getLogger(__name__)

GROUP: Final = "hoplite.jobs"
BUILTIN: Final = ("command", "install_python_package_job")
"""What comes with this service."""
_PUBLISHED: Final = str(Path(__file__).parent / "builtin" / "published")
_PREFIX: Final = "hoplite.plugins."

Signature = tuple[int, int, int]


class Plugins:
    """What can be run. Its methods read the disk: not for the event loop.

    Args:
        search_path: Where packages are looked for.
        builtin: Which of `BUILTIN` can be used.

    Raises:
        ValueError: One of them is none.
    """

    def __init__(self, search_path: SearchPath, builtin: list[str]) -> None:
        for name in builtin:
            if name not in BUILTIN:
                raise ValueError(f"{name!r} is not one of {', '.join(BUILTIN)}")
        self.search_path = search_path
        self._builtin = {_PREFIX + name for name in builtin}
        self._read: dict[str, tuple[Signature, list[str]]] = {}

    def names(self) -> list[str]:
        """Return their names, sorted."""
        found = set(self._builtin)
        known: set[str] = set()
        for directory in self.search_path.directories():
            plugins = self._in(directory)
            for distribution in plugins.keys() - known:  # a copy further back on the path is not what is imported
                found.update(plugins[distribution])
            known.update(plugins)
        return sorted(found)

    def path_for(self, name: str) -> tuple[str, ...]:
        """Return what a job of this plugin needs in front of its Python's own search path."""
        configured = tuple(self.search_path.configured())
        return (_PUBLISHED, *configured) if name in self._builtin else configured

    def forget(self) -> None:
        """Read everything anew next time."""
        self._read.clear()
        self.search_path.forget()

    def _in(self, directory: str) -> dict[str, list[str]]:
        """The plugins of each distribution in a directory, by the distribution's name."""
        try:
            names = os.listdir(directory)  # noqa: PTH208 - names are enough
        except OSError:  # not there, an archive, or not ours to read
            return {}
        found: dict[str, list[str]] = {}
        for name in sorted(names):
            if name.endswith((".dist-info", ".egg-info")):
                found.setdefault(name.partition("-")[0].lower(), self._of(f"{directory}/{name}"))
        return found

    def _of(self, metadata: str) -> list[str]:
        """The plugins that one distribution publishes. Paths are texts here: `Path` would cost ten times as much."""
        try:
            file = os.stat(f"{metadata}/entry_points.txt")  # noqa: PTH116
        except OSError:
            return []
        signature = (file.st_mtime_ns, file.st_size, file.st_ino)
        known = self._read.get(metadata)
        if known is None or known[0] != signature:
            known = self._read[metadata] = signature, _parse(metadata)
        return known[1]


def _parse(metadata: str) -> list[str]:
    try:
        return [entry.name for entry in PathDistribution(Path(metadata)).entry_points.select(group=GROUP)]
    except (OSError, ValueError, TypeError, AttributeError) as error:  # what the parser raises for nonsense
        log.warning("The entry points of %s cannot be read: %s", metadata, error)
        return []
