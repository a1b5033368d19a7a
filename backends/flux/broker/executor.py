"""The job engine's jobs on Flux: each of their runners is a Flux job.

A runner reports by files in the job's directory, which must be on a file system that the nodes share, as must be the
Python that runs it. Flux gives the runner one core of its choice, and ends it when somebody cancels it there.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import orjson

from opsgate.backends.errors import Invalid, NotFound
from opsgate.backends.flux import ids
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.states import State
from opsgate.backends.jobs import runners

NAME: Final = "flux"
"""What it is called in the job engine."""
_URGENCY: Final = 16
_DOING: Final = "A runner cannot be started with Flux"


class FluxExecutor:
    """Starts runners as Flux jobs. Its handles are the F58 texts of their numbers.

    Args:
        connection: Leads to the instance.
        environment: The environment of runners.
        interpreter: The Python that runs them, on any node.
    """

    def __init__(self, connection: Connection, environment: Mapping[str, str], interpreter: str) -> None:
        self._connection = connection
        self._environment = dict(environment)
        self._interpreter = interpreter

    async def submit(self, job_dir: str) -> str:
        """Submit a runner for the job of this directory.

        Raises:
            EngineError: Flux did not take it.
        """
        spec = orjson.dumps(self._jobspec(job_dir)).decode()
        number = await self._connection.ask(
            "job-ingest.submit",
            lambda handle, known: known.submit(handle, spec, _URGENCY),
            lambda pending: int(pending.get_id()),
            doing=_DOING,
            again=False,
        )
        return ids.f58(number)

    async def signal(self, handle: str, signum: int) -> None:
        """Signal a runner; one that has not begun is cancelled, if it is to end."""
        number = ids.parse(handle)
        try:
            await self._kill(number, signum)
        except (Invalid, NotFound):  # it does not run: not yet, or not any more
            if signum in (signal.SIGTERM, signal.SIGKILL):
                await self._cancel(number)

    async def alive(self, handle: str) -> bool:
        """Tell whether a runner waits or runs.

        Raises:
            Unavailable: That cannot be known now.
        """
        number = ids.parse(handle)
        try:
            state = await self._connection.ask(
                "job-list.list-id",
                lambda broker, _: broker.rpc("job-list.list-id", {"id": number, "attrs": ["state"]}),
                lambda pending: int(pending.get()["job"]["state"]),
                doing=f"Job {handle} cannot be read",
            )
        except NotFound:
            return False
        return state != State.INACTIVE

    async def aclose(self) -> None:
        """Hang up; runners run on."""
        await self._connection.aclose()

    async def _kill(self, number: int, signum: int) -> None:
        await self._connection.ask(
            "job-manager.kill",
            lambda handle, known: known.kill(handle, number, signum),
            lambda pending: pending.get(),
            doing="A runner cannot be signalled",
        )

    async def _cancel(self, number: int) -> None:
        try:
            await self._connection.ask(
                "job-manager.raise",
                lambda handle, known: known.cancel(handle, number),
                lambda pending: pending.get(),
                doing="A runner cannot be cancelled",
            )
        except NotFound:
            return

    def _jobspec(self, job_dir: str) -> dict[str, Any]:
        slot = {"type": "slot", "count": 1, "label": "task", "with": [{"type": "core", "count": 1}]}
        command = runners.by_files(job_dir, self._interpreter)
        system = {
            "duration": 0,
            "cwd": "/",
            "environment": self._environment,
            "job": {"name": f"opsgate-{Path(job_dir).name}"},
        }
        return {
            "version": 1,
            "resources": [slot],
            "tasks": [{"command": command, "slot": "task", "count": {"per_slot": 1}}],
            "attributes": {"system": system},
        }
