"""What may be run for the Red Engine API, and how."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

CLASSES = ("CodeTask", "CommandTask", "FuncTask")


@dataclass(frozen=True, slots=True)
class Options:
    """The operator's choices. Gateway and scheduler of one state directory are to be given the same.

    Attributes:
        root: The state directory: `redengine.db` lies there.
        classes: The task classes that may be created.
        modules: The modules whose functions a FuncTask may name, with all below them; any if empty.
        shell: Whether a CommandTask may ask for a shell.
        timeout: Seconds that a run may take whose task says nothing of that; None for any time.
        output: Bytes of standard output that are kept of a run, and as many of standard error.
        grace: Seconds between SIGTERM and SIGKILL when a run is ended.
        keep_runs: How many runs of a task keep their output, the newest.
        keep_records: How many log records are kept, the newest.
        interpreter: The Python for code and functions.
        directory: Where runs take place; a fresh directory each if not given.
    """

    root: Path
    classes: tuple[str, ...] = CLASSES
    modules: tuple[str, ...] = ()
    shell: bool = False
    timeout: float | None = 1800.0
    output: int = 65536
    grace: float = 5.0
    keep_runs: int = 20
    keep_records: int = 1_000_000
    interpreter: str = sys.executable
    directory: str | None = None
