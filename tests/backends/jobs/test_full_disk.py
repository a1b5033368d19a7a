"""A disk without room: an error where something is asked for, patience where something must be recorded."""

from __future__ import annotations

import asyncio
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from opsgate.backends.errors import Unavailable
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Job, Limits
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from tests.backends.jobs.support import (
    API,
    Open,
    new,
    printed,
    reach,
    run_to_end,
    runner_of,
    shell,
    start,
    start_running,
)

pytestmark = pytest.mark.anyio

UNLIMITED = resource.RLIM_INFINITY


class SmallDisk:
    """A file system of 4 MB, where one may mount one."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "state"
        self._filler = directory / "filler"

    def fill(self) -> None:
        """Take all the room there is."""
        with self._filler.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 512)

    def clear(self) -> None:
        """Give it back."""
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A small disk; who may not mount one finds these tests replaced by those of TestLimitedFiles."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(tmp_path)], check=True)
    yield SmallDisk(tmp_path)
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


if os.geteuid() == 0:

    class TestFullDisk:
        async def test_creating_is_an_error(self, disk: SmallDisk, open_engine: Open) -> None:
            engine = await open_engine(Settings(disk.root, seconds_between_tidying=0.1))
            kept = (await engine.create(new(shell("exit 3")))).job
            disk.fill()
            accepted = await create_until_refused(engine)
            assert await engine.count(API) == accepted + 1
            assert await engine.get(API, kept.id) == kept
            disk.clear()
            assert (await run_to_end(engine, shell("exit 4"))).exit_code == 4

        async def test_starting_is_an_error_or_works(self, disk: SmallDisk, open_engine: Open) -> None:
            engine = await open_engine(Settings(disk.root, seconds_between_tidying=0.1))
            created = [(await engine.create(new(shell("exit 3")))).job for _ in range(5)]
            disk.fill()
            answers = await asyncio.gather(*(engine.start(API, job.id) for job in created), return_exceptions=True)
            for job, answer in zip(created, answers, strict=True):
                assert isinstance(answer, Job | Unavailable)
                if isinstance(answer, Unavailable):
                    assert (await engine.get(API, job.id)).state == State.CREATED
            disk.clear()
            for job, answer in zip(created, answers, strict=True):
                if isinstance(answer, Unavailable):
                    await engine.start(API, job.id)
                assert (await reach(engine, job.id, State.FINISHED)).exit_code == 3

        async def test_end_is_recorded_when_there_is_room(self, disk: SmallDisk, open_engine: Open) -> None:
            engine = await open_engine(Settings(disk.root, cores=1, seconds_between_tidying=0.1))
            job = await start_running(engine, shell("while ! [ -e go ]; do sleep 0.01; done; exit 5"))
            waiting = await start(engine, shell("exit 6"))
            empty = Path(engine.directory(job.id), "work", "go")
            touch(empty)
            disk.fill()
            await asyncio.sleep(0.3)
            disk.clear()
            assert (await reach(engine, job.id, State.FINISHED)).exit_code == 5
            assert (await reach(engine, waiting.id, State.FINISHED)).exit_code == 6

        async def test_job_that_fills_it_itself(self, disk: SmallDisk, open_engine: Open) -> None:
            engine = await open_engine(Settings(disk.root, seconds_between_tidying=0.1))
            script = "cat /dev/zero >../filler; echo full; sleep 0.3; rm ../filler; exit 7"
            job = await run_to_end(engine, shell(script), limits=Limits(time=60))
            assert (job.exit_code, job.cause) == (7, None)


class TestLimitedFiles:
    """The same by a limit on the size of files, which acts on one process and needs no rights."""

    async def test_creating_is_an_error(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, seconds_between_tidying=600))
        kept = (await engine.create(new(shell("exit 3")))).job
        room = os.stat(root / "jobs.db-wal").st_size + 60_000  # noqa: PTH116 - one number
        with files_no_larger_than(os.getpid(), room), pytest.raises(Unavailable, match="cannot be written"):
            await engine.create(new(shell("true"), job={"extra": {"fill": "x" * 100_000}}))
        assert await engine.jobs(API) == [kept]
        assert (await run_to_end(engine, shell("exit 4"))).exit_code == 4

    async def test_end_is_recorded_when_there_is_room(self, engine: Engine) -> None:
        job = await start_running(engine, shell("echo ready; while ! [ -e go ]; do sleep 0.01; done; exit 5"))
        await printed(engine, job, "ready\n")
        runner = runner_of(engine, job)
        with files_no_larger_than(runner, 0):
            touch(Path(engine.directory(job.id), "work", "go"))
            await asyncio.sleep(0.3)
            assert (await engine.get(API, job.id)).state == State.RUNNING
        assert (await reach(engine, job.id, State.FINISHED)).exit_code == 5


async def create_until_refused(engine: Engine) -> int:
    """Return how many jobs were accepted, for which the log had room already, before there was none."""
    large = new(shell("true"), job={"extra": {"fill": "x" * 100_000}})
    for accepted in range(50):
        try:
            await engine.create(large)
        except Unavailable as error:
            if str(error) == "The job store cannot be written: database or disk is full":
                return accepted
            raise
    raise AssertionError("the disk is not full")


class files_no_larger_than:  # noqa: N801 - used like a function
    def __init__(self, pid: int, size: int) -> None:
        self._pid, self._size = pid, size

    def __enter__(self) -> None:
        self._before = resource.prlimit(self._pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (self._size, self._before[1]))

    def __exit__(self, *_: object) -> None:
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, self._before)


def touch(path: Path) -> None:
    path.touch()
