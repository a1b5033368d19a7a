"""How tests are spread over processes."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling

TOGETHER = ("tests/backends/ecflow/", "tests/backends/supvisors/", "tests/handlers/supvisors/")
"""Directories whose files share an engine that takes seconds to start, and to settle."""


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # has no type information
    """The tests of a file stay together and in order, and so do the files of some directories."""

    def _split_scope(self, nodeid: str) -> str:
        for directory in TOGETHER:
            if nodeid.startswith(directory):
                return directory
        return nodeid.partition("::")[0]
