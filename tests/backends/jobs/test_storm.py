"""Many jobs from several processes that are killed all the while: none is lost, none runs twice."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Query
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from tests.backends.jobs.support import API, Open, reach

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
