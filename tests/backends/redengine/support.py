"""A backend and schedulers in a state directory of a test's own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from opsgate.backends.jobs.model import Query
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from opsgate.backends.redengine.backend import RedengineBackend
from opsgate.backends.redengine.options import Options
from opsgate.backends.redengine.port import Filters
from opsgate.job_engine import JobEngine

T = TypeVar("T")
SECONDS = 60.0  # no wait of these tests is longer, on however slow a machine
API = "redengine"
_ON_THEIR_WAY = Query(states=(State.CREATED, State.QUEUED, State.STARTING, State.RUNNING))


class Place:
    """A state directory, a backend as a web worker has it, and schedulers.

    Args:
        root: A directory to be made.
        options: The operator's choices, the defaults' in place of those not given.
    """

    def __init__(self, root: Path, **options: Any) -> None:
        self.jobs = root / "jobs"
        self.options = Options(root=root / "session", **{"grace": 0.5} | options)
        self.engine = JobEngine(lambda: Settings(self.jobs, queues={API: 8}))
        self.backend = RedengineBackend(self.engine, self.options)
        self.schedulers: list[asyncio.subprocess.Process] = []

    async def schedule(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start a scheduler, and wait until it acts, or has ended."""
        started = await self.start_scheduler(*arguments)
        assert started.stdout is not None
        await asyncio.wait_for(started.stdout.readline(), SECONDS)
        return started

    async def start_scheduler(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start a scheduler."""
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "opsgate.backends.redengine.serving", "--state-dir", str(self.options.root),
            "--jobs-dir", str(self.jobs), "--grace", "0.5", *arguments,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, "SECRET_TOKEN": "s3"},
        )  # fmt: skip
        self.schedulers.append(started)
        return started

    async def close(self) -> None:
        """End everything."""
        for scheduler in self.schedulers:
            if scheduler.returncode is None:
                scheduler.kill()
            await scheduler.communicate()
        engine = await self.engine() if self.jobs.exists() else None
        for job in await engine.jobs(API, _ON_THEIR_WAY) if engine else ():
            assert engine is not None
            await engine.kill(API, job.id, grace=0, created=True)
            await engine.wait(API, job.id, SECONDS)
        await self.backend.aclose()

    async def task(self, name: str) -> dict[str, Any]:
        """A task as clients see it."""
        task: dict[str, Any] = json.loads((await self.backend.task(name)).body)
        return task

    async def names(self, filters: Filters = ()) -> list[str]:
        """The names of the tasks that a query finds."""
        return [task["name"] for task in json.loads((await self.backend.tasks(filters)).body)]

    async def logs(self, filters: Filters = ()) -> list[dict[str, Any]]:
        """The log records that a query finds."""
        records: list[dict[str, Any]] = json.loads((await self.backend.logs(filters)).body)
        return records

    async def actions(self, name: str) -> list[str]:
        """What the log says happened with a task."""
        return [record["action"] for record in await self.logs((("task_name", name),))]

    async def until(self, name: str, *statuses: str | None) -> dict[str, Any]:
        """Wait until a task has one of these statuses and nothing more is asked for."""

        async def look() -> dict[str, Any] | None:
            task = await self.task(name)
            return task if task["status"] in statuses and not task["force_run"] else None

        return await eventually(look)

    async def until_over(self, run_id: str) -> dict[str, Any]:
        """Wait until a run is over."""

        async def look() -> dict[str, Any] | None:
            run = await self.backend.run(run_id)
            return run if run["state"] == "ended" else None

        return await eventually(look)

    async def run_once(self, name: str) -> dict[str, Any]:
        """Have a task run, and wait until it is over."""
        return await self.until_over((await self.backend.run_now(name))["run_id"])


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """Wait until there is something to see."""
    end = time.monotonic() + SECONDS
    while (found := await look()) is None:
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)
    return found
