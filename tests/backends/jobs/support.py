"""What the suites of the job engine share: jobs in a line, processes as /proc shows them."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from opsgate.backends.jobs import clocks, layout, locks
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Code, Command, Job, Limits, NewJob, Spec
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State

Open = Callable[[Settings], Awaitable[Engine]]
API = "hoplite"
SECONDS = 60.0  # no wait of these tests is longer, on however slow a machine


def shell(script: str) -> Command:
    """Return a command that runs a shell script."""
    return Command(("/bin/sh", "-c", script))


def new(run: Command | Code | Any, *, job: dict[str, Any] | None = None, **spec: Any) -> NewJob:
    """Return a job to create: `job` are members of NewJob, the rest of Spec."""
    members: dict[str, Any] = {"api": API, "name": "test", "spec": Spec(run, **spec)}
    return NewJob(**members | (job or {}))


async def start(engine: Engine, run: Any, *, job: dict[str, Any] | None = None, **spec: Any) -> Job:
    """Create a job and start it."""
    return (await engine.create(new(run, job=job, **spec), start=True)).job


async def start_running(engine: Engine, run: Any, *, job: dict[str, Any] | None = None, **spec: Any) -> Job:
    """Create a job, start it, and wait until it runs."""
    started = await start(engine, run, job=job, **spec)
    return await reach(engine, started.id, State.RUNNING)


async def run_to_end(engine: Engine, run: Any, *, job: dict[str, Any] | None = None, **spec: Any) -> Job:
    """Create a job, start it, and wait until it is over."""
    started = await start(engine, run, job=job, **spec)
    return await reach(engine, started.id, State.FINISHED, started.api)


async def reach(engine: Engine, job_id: str, state: State, api: str = API) -> Job:
    """Wait until a job is in a state, or over."""
    job = await engine.wait(api, job_id, SECONDS, (state,))
    assert job.state in (state, State.FINISHED), job
    return job


async def stdout(engine: Engine, job: Job) -> str:
    """Return all a job wrote to standard output."""
    return (await engine.output(job.api, job.id)).data.decode()


async def printed(engine: Engine, job: Job, text: str) -> str:
    """Wait until a job printed something; return all it printed until then."""
    found = b""
    async with asyncio.timeout(SECONDS):
        async for piece in engine.follow_output(job.api, job.id):
            found += piece
            if text.encode() in found:
                break
    return found.decode()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds that no event tells of."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


def runner_of(engine: Engine, job: Job) -> int:
    """Return the pid of the runner of a running job."""
    pid = locks.holder(f"{engine.directory(job.id)}/{layout.LOCK}")
    assert pid is not None
    return pid


def keeper_of(engine: Engine, job: Job) -> int:
    """Return the pid of the keeper of a running job."""
    stat = clocks.read_stat(runner_of(engine, job))
    assert stat is not None
    return int(stat[1])


def is_gone(pid: int) -> bool:
    """Tell whether there is no such process, or only what is left for its parent to look at."""
    stat = clocks.read_stat(pid)
    return stat is None or stat[0] in b"ZX"


def environment_of(pid: int) -> dict[str, str]:
    """Return the environment of a process."""
    pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    return dict(pair.split("=", 1) for pair in pairs if pair)


def descriptors_of(pid: int) -> dict[int, str]:
    """Return the open descriptors of a process and what they lead to."""
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208 - a name each, no paths
        with suppress(FileNotFoundError):  # the listing's own, where it is this process
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")  # noqa: PTH115 - targets are no paths
    return found


def modes_in(directory: Path) -> dict[str, str]:
    """Return the permissions of a directory and of all in it."""
    return {path.name: oct(path.stat().st_mode & 0o777) for path in [directory, *directory.iterdir()]}


QUICK = Limits(grace=0.2)
