"""Where runners start: on this machine, or with another executor that can take the same job directories."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Protocol

from opsgate.backends.errors import Unavailable
from opsgate.backends.jobs import runners

if TYPE_CHECKING:
    from collections.abc import Mapping


class Executor(Protocol):
    """Starts runners. How a job ended is never asked of an executor: that is in the job's exit record.

    An executor of other machines runs `python -I -S .../runner/__main__.py --files JOB_DIR` (`runners.by_files`) in a
    directory that both sides see; the runner then reports by files, which the engine collects.
    """

    async def submit(self, job_dir: str) -> str:
        """Start a runner for the job of this directory.

        Returns:
            A handle that outlives this process.

        Raises:
            EngineError: It was not started, or will notice that another one was; it will be tried again. `Unavailable`
                and `Timeout` of an executor elsewhere as often as it takes, others a few times.
        """

    async def signal(self, handle: str, signum: int) -> None:
        """Pass a signal to a runner: SIGTERM to end its job. A runner that is gone is no error."""

    async def alive(self, handle: str) -> bool:
        """Tell whether a runner lives, or is still to start."""


class LocalExecutor:
    """Starts keepers on this machine. Its handles are the job directories.

    Args:
        environment: The environment of keepers and runners.
        interpreter: The Python to run them.
    """

    def __init__(self, environment: Mapping[str, str], interpreter: str) -> None:
        self._environment = environment
        self._interpreter = interpreter

    async def submit(self, job_dir: str) -> str:
        """Start a keeper; its first process ends at once and is waited for.

        Raises:
            Unavailable: It could not be started.
        """
        try:
            pid = runners.launch(job_dir, self._environment, self._interpreter)
        except OSError as error:
            raise Unavailable(f"No runner can be started: {error}") from error
        status = await asyncio.to_thread(_wait, pid)
        if status:
            raise Unavailable(f"A runner could not start: its first process ended with status {status}")
        return job_dir

    async def signal(self, handle: str, signum: int) -> None:  # noqa: ARG002 - what is wanted is in the store
        """Have the runner look at what is wanted."""
        runners.tell(handle)

    async def alive(self, handle: str) -> bool:
        """Tell whether the runner holds its lock."""
        return runners.is_alive(handle)


def _wait(pid: int) -> int:
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:  # somebody in this process waits for all children, or has them not waited for
        return 0
