"""Many jobs from several processes that are killed all the while: none is lost, none runs twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from opsgate.backends.jobs import clocks, locks
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Job, Query
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import Cause, State
from tests.backends.jobs.support import API, Open, reach, shell, start

pytestmark = pytest.mark.anyio

JOBS = 200
CLIENTS = 4
KILLS = 16

# Creates a job for each name it is given, starts it, and only then says so; several at once, as a web worker does.
CLIENT = """
import asyncio, sys
from pathlib import Path
from opsgate.backends.errors import Conflict
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Command, NewJob, Spec
from opsgate.backends.jobs.settings import Settings

async def one(engine, log, name):
    run = Command(("/bin/sh", "-c", f"echo {name} >>{log}"))
    created = await engine.create(NewJob("hoplite", name, Spec(run), key=name))
    try:
        await engine.start("hoplite", created.job.id)
    except Conflict:  # by the one before, which was killed before it could say so
        pass
    print(name, flush=True)

async def main(root, log, *names):
    engine = await Engine.open(Settings(Path(root), cores=2, seconds_between_tidying=0.5))
    names = list(names)
    while names:
        await asyncio.gather(*(one(engine, log, names.pop()) for _ in range(min(5, len(names)))))
    await engine.close()

asyncio.run(main(*sys.argv[1:]))
"""


class Client:
    """A client process and the jobs that it has still to account for."""

    def __init__(self, root: Path, log: Path, names: list[str]) -> None:
        self.names = names
        self._arguments = [sys.executable, "-c", CLIENT, str(root), str(log)]
        self.accepted: set[str] = set()

    async def work(self, kills: list[int]) -> None:
        """Run it until all is accepted, killing it each time it has said so many more things as `kills` has it."""
        while set(self.names) - self.accepted:
            left = sorted(set(self.names) - self.accepted)
            process = await asyncio.create_subprocess_exec(*self._arguments, *left, stdout=subprocess.PIPE)
            await self._listen(process, kills.pop() if kills else len(self.names))
            await process.wait()

    async def _listen(self, process: asyncio.subprocess.Process, patience: int) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self.accepted.add(line.decode().strip())
            patience -= 1
            if patience == 0:
                process.kill()


async def finish_all(engine: Engine) -> list[str]:
    """Wait until all jobs are over; return the names they were given."""
    jobs = await engine.jobs(API)
    for job in jobs:
        ended = await reach(engine, job.id, State.FINISHED)
        assert (ended.exit_code, ended.cause) == (0, None), ended
    return [job.name for job in jobs]


async def test_clients_killed(root: Path, open_engine: Open, tmp_path: Path) -> None:
    luck = random.Random(5)  # noqa: S311 - which moments are hit is the machine's choice anyway
    log = tmp_path / "log"
    names = [f"job-{number}" for number in range(JOBS)]
    clients = [Client(root, log, names[start::CLIENTS]) for start in range(CLIENTS)]
    kills = [[luck.randint(1, 9) for _ in range(KILLS // CLIENTS)] for _ in clients]
    await asyncio.gather(*(client.work(some) for client, some in zip(clients, kills, strict=True)))
    assert set().union(*(client.accepted for client in clients)) == set(names)

    engine = await open_engine(Settings(root, cores=2, seconds_between_tidying=0.5))
    assert sorted(await finish_all(engine)) == sorted(names)
    assert Counter(log.read_text().split()) == Counter(names)
    assert await engine.count(API, Query(states=(State.FINISHED,))) == JOBS
    assert await engine.usage(API) == (0, 2)


async def test_runners_and_keepers_killed(root: Path, open_engine: Open, tmp_path: Path) -> None:
    luck = random.Random(6)  # noqa: S311 - as above
    log = tmp_path / "log"
    engine = await open_engine(Settings(root, cores=4, seconds_between_tidying=0.2))
    jobs = []
    for number in range(60):
        jobs.append(await start(engine, shell(f"echo job-{number} >>{log}; sleep 0.05"), job={"name": f"job-{number}"}))
        for process in luck.sample(helpers_of(engine, jobs), 1 if number % 2 else 0):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
    ended = [await reach(engine, job.id, State.FINISHED) for job in jobs]
    ran = Counter(log.read_text().split())
    assert set(ran.values()) == {1}
    by_cause = {cause: {job.name for job in ended if job.cause == cause} for cause in (None, *Cause)}
    assert by_cause[None] <= set(ran)
    assert by_cause[Cause.NOT_STARTED].isdisjoint(ran)  # those whose runners were killed time and again
    assert by_cause[None] | by_cause[Cause.LOST] | by_cause[Cause.NOT_STARTED] == {job.name for job in jobs}
    assert await engine.usage(API) == (0, 4)


def helpers_of(engine: Engine, jobs: list[Job]) -> list[int]:
    """Return the pids of runners and their keepers, none twice; of none at least this process' impossible child."""
    found: list[int] = []
    for job in jobs:
        runner = locks.holder(f"{engine.directory(job.id)}/lock")
        stat = clocks.read_stat(runner) if runner else None
        if runner is not None and stat is not None:
            found.extend((runner, int(stat[1])))
    return [pid for pid in found if pid > 1] or [2**22]
