"""What is left when processes are killed, and what the others make of it."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from opsgate.backends.errors import Unsupported
from opsgate.backends.jobs import clocks, runner, schema
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Code, Command, Job, Spec
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import Cause, State
from tests.backends.jobs.support import (
    API,
    Open,
    is_gone,
    keeper_of,
    new,
    printed,
    reach,
    run_to_end,
    runner_of,
    shell,
    start,
    start_running,
    until,
)
from tests.backends.jobs.test_kill import DAEMON

pytestmark = pytest.mark.anyio

SLEEP = Command(("sleep", "600"))


def change(root: Path, statement: str, *values: object) -> None:
    """Change the store behind the engine's back."""
    connection = sqlite3.connect(root / "jobs.db", isolation_level=None)
    connection.execute(statement, values)
    connection.close()


def alone(script: str, root: Path) -> subprocess.Popen[str]:
    """Run Python code that uses an engine as a process of its own."""
    lines = [
        "import asyncio, os, signal, sys",
        "from pathlib import Path",
        "from opsgate.backends.jobs.engine import Engine",
        "from opsgate.backends.jobs.model import *",
        "from opsgate.backends.jobs.settings import Settings",
        "async def main():",
        "    engine = await Engine.open(Settings(Path(sys.argv[1]), cores=100))",
        *(f"    {line}" for line in script.splitlines()),
        "asyncio.run(main())",
    ]
    return subprocess.Popen([sys.executable, "-c", "\n".join(lines), str(root)], stdout=subprocess.PIPE, text=True)


class TestRunner:
    async def test_killed(self, engine: Engine) -> None:
        job = await start_running(engine, Code(DAEMON))
        daemon = int(await printed(engine, job, "\n"))
        os.kill(runner_of(engine, job), signal.SIGKILL)
        lost = await reach(engine, job.id, State.FINISHED)
        assert (lost.cause, lost.killed, lost.exit_code, lost.signal) == (Cause.LOST, 0, None, None)
        assert lost.ending["error"] == "Its runner was killed"
        assert is_gone(daemon)
        assert is_gone(job.pid or 0)

    async def test_killed_with_a_tree_that_wiped_its_environment(self, engine: Engine) -> None:
        script = "env -i setsid sleep 600 & echo $!; wait"
        job = await start_running(engine, shell(script))
        child = int(await printed(engine, job, "\n"))
        os.kill(runner_of(engine, job), signal.SIGKILL)
        await reach(engine, job.id, State.FINISHED)
        assert is_gone(child)

    async def test_killed_and_a_job_of_another_store_has_the_same_id(
        self, engine: Engine, tmp_path: Path, open_engine: Open
    ) -> None:
        other = await open_engine(Settings(tmp_path / "other"))
        unharmed = await start_running(other, SLEEP, job={"id": "7"})
        lost = await start_running(engine, SLEEP, job={"id": "7"})
        os.kill(runner_of(engine, lost), signal.SIGKILL)
        await reach(engine, lost.id, State.FINISHED)
        assert is_gone(lost.pid or 0)
        assert not is_gone(unharmed.pid or 0)
        await other.kill(API, unharmed.id, grace=0)
        assert (await reach(other, unharmed.id, State.FINISHED)).cause == Cause.CANCELLED

    async def test_killed_while_others_wait(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        first = await start_running(engine, SLEEP)
        second = await start(engine, Command(("true",)))
        os.kill(runner_of(engine, first), signal.SIGKILL)
        assert (await reach(engine, second.id, State.FINISHED)).exit_code == 0

    async def test_killed_while_nobody_looks(self, root: Path, tmp_path: Path) -> None:
        engine = await Engine.open(Settings(root, cores=1))
        first = await start_running(engine, SLEEP)
        await start(engine, shell(f"touch {tmp_path}/ran"))
        watcher = runner_of(engine, first)
        await engine.close()
        os.kill(watcher, signal.SIGKILL)
        await until((tmp_path / "ran").exists)
        engine = await Engine.open(Settings(root, cores=1))
        assert (await engine.get(API, first.id)).cause == Cause.LOST
        await engine.close()

    async def test_killed_with_its_keeper(self, engine: Engine) -> None:
        job = await start_running(engine, Code(DAEMON))
        daemon = int(await printed(engine, job, "\n"))
        os.kill(keeper_of(engine, job), signal.SIGSTOP)  # it must not come first
        keeper, watcher = keeper_of(engine, job), runner_of(engine, job)
        os.kill(watcher, signal.SIGKILL)
        os.kill(keeper, signal.SIGKILL)
        await until(lambda: is_gone(watcher) and is_gone(keeper))
        lost = await engine.get(API, job.id)
        assert (lost.state, lost.cause) == (State.FINISHED, Cause.LOST)
        assert is_gone(daemon)

    async def test_killed_with_its_keeper_and_noticed_by_another(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=2))
        lost = await start_running(engine, SLEEP)
        other = await start_running(engine, SLEEP)
        waiting = await start(engine, SLEEP, job={"cores": 2})
        keeper, watcher = keeper_of(engine, lost), runner_of(engine, lost)
        os.kill(keeper, signal.SIGKILL)
        os.kill(watcher, signal.SIGKILL)
        await engine.kill(API, other.id)
        assert (await reach(engine, waiting.id, State.RUNNING)).state == State.RUNNING
        assert (await engine.get(API, lost.id)).cause == Cause.LOST

    async def test_exit_record_counts_when_the_row_was_not_written(self, engine: Engine, root: Path) -> None:
        job = await run_to_end(engine, shell("exit 5"))
        keeper = Path(engine.directory(job.id), "lock").read_text().split()[1]  # noqa: ASYNC240 - a short file
        await until(lambda: not clocks.is_alive(keeper))
        change(root, "UPDATE job SET state = 'running', exit_code = NULL, ending = NULL WHERE id = ?", job.id)
        found = await engine.get(API, job.id)
        assert (found.state, found.exit_code, found.cause) == (State.FINISHED, 5, None)


class TestKeeper:
    async def test_killed_alone(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        first = await start_running(engine, SLEEP)
        second = await start(engine, shell("exit 4"))
        third = await start(engine, shell("exit 5"))
        os.kill(keeper_of(engine, first), signal.SIGKILL)
        await engine.kill(API, first.id)
        assert (await reach(engine, first.id, State.FINISHED)).signal == signal.SIGTERM
        assert (await reach(engine, second.id, State.FINISHED)).exit_code == 4
        assert (await reach(engine, third.id, State.FINISHED)).exit_code == 5


class TestSubmitter:
    async def test_killed_while_its_job_runs(self, engine: Engine, root: Path) -> None:
        script = "created = await engine.create(NewJob('hoplite', 'x', Spec(Command(('sleep', '600')))), start=True)\n"
        script += "await engine.wait('hoplite', created.job.id, 30, ('running',))\nprint(created.job.id, flush=True)\n"
        submitter = alone(script + "await asyncio.sleep(600)", root)
        job_id = await read_line(submitter)
        submitter.kill()
        submitter.communicate()
        job = await engine.get(API, job_id)
        assert job.state == State.RUNNING
        await engine.kill(API, job_id)
        assert (await reach(engine, job_id, State.FINISHED)).cause == Cause.CANCELLED

    async def test_killed_between_accepting_and_starting(self, root: Path, open_engine: Open, tmp_path: Path) -> None:
        engine = await open_engine(Settings(root, seconds_between_tidying=0.05))
        # Its launcher is the kernel's: it dies at the very moment when it would start the runner.
        script = "from opsgate.backends.jobs import runners\n"
        script += "runners.launch = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)\n"
        script += f"run = Command(('sh', '-c', 'echo ran >>{tmp_path}/log'))\n"
        submitter = alone(script + "await engine.create(NewJob('hoplite', 'x', Spec(run)), start=True)", root)
        assert await wait_for(submitter) == -signal.SIGKILL
        (job,) = await engine.jobs(API)
        job = await reach(engine, job.id, State.FINISHED)
        assert (job.exit_code, (tmp_path / "log").read_text()) == (0, "ran\n")

    async def test_killed_and_nobody_there_until_the_next_opens(self, root: Path, tmp_path: Path) -> None:
        script = "from opsgate.backends.jobs import runners\n"
        script += "runners.launch = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)\n"
        script += f"run = Command(('sh', '-c', 'echo ran >>{tmp_path}/log'))\n"
        submitter = alone(script + "await engine.create(NewJob('hoplite', 'x', Spec(run)), start=True)", root)
        assert await wait_for(submitter) == -signal.SIGKILL
        engine = await Engine.open(Settings(root))
        (job,) = await engine.jobs(API)
        assert (await reach(engine, job.id, State.FINISHED)).exit_code == 0
        await engine.close()


class TestStart:
    async def test_runner_that_cannot_be_started(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, interpreter="/bin/false", seconds_between_tidying=0.05))
        job = await run_to_end(engine, SLEEP)
        assert (job.cause, job.exit_code) == (Cause.NOT_STARTED, None)
        assert job.ending["error"] == "Its runner failed 3 times, see runner.log"

    async def test_runner_that_does_not_exist(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, interpreter="/no/python", seconds_between_tidying=0.05))
        job = await run_to_end(engine, SLEEP)
        assert job.cause == Cause.NOT_STARTED

    async def test_second_keeper_for_a_running_job_leaves(self, engine: Engine) -> None:
        job = await start_running(engine, SLEEP)
        for _ in range(3):
            launched = subprocess.run(keeper_command(engine, job), check=True)  # noqa: ASYNC221 - ends at once
            assert launched.returncode == 0
        await engine.kill(API, job.id)
        ended = await reach(engine, job.id, State.FINISHED)
        assert [event.event for event in await engine.events(API, 0)].count("running") == 1
        assert ended.cause == Cause.CANCELLED

    async def test_second_keeper_for_a_finished_job_leaves(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("echo once"))
        subprocess.run(keeper_command(engine, job), check=True)  # noqa: ASYNC221 - ends at once
        await run_to_end(engine, Command(("true",)))
        assert (await engine.output(API, job.id)).data == b"once\n"
        assert await engine.get(API, job.id) == job


class TestReboot:
    async def test_running_is_lost_starting_and_queued_run(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=3))
        running = await start_running(engine, SLEEP)
        watcher, keeper = runner_of(engine, running), keeper_of(engine, running)
        queued = await start(engine, shell("exit 3"), job={"cores": 3})
        starting = (await engine.create(new(shell("exit 4")))).job
        created = (await engine.create(new(shell("exit 5")))).job
        for pid in (keeper, watcher):
            os.kill(pid, signal.SIGSTOP)
        change(
            root,
            "UPDATE job SET state = 'starting', turn = 1, claim = 'x', claimer = ?, claimed_uptime = 1e9, boot = 'old'"
            " WHERE id = ?",
            clocks.myself(),
            starting.id,
        )
        change(root, "UPDATE job SET boot = 'old' WHERE id = ?", running.id)
        for pid in (keeper, watcher):
            os.kill(pid, signal.SIGKILL)
        await until(lambda: is_gone(watcher))
        lost = await engine.get(API, running.id)
        assert (lost.cause, lost.ending["error"]) == (Cause.LOST, "The machine restarted while it ran")
        assert (await reach(engine, starting.id, State.FINISHED)).exit_code == 4
        assert (await reach(engine, queued.id, State.FINISHED)).exit_code == 3
        assert (await engine.get(API, created.id)).state == State.CREATED


class TestStore:
    async def test_of_a_newer_program(self, root: Path) -> None:
        engine = await Engine.open(Settings(root))
        await engine.close()
        change(root, "PRAGMA user_version = 99")
        with pytest.raises(Unsupported, match=f"version 99, this program knows {len(schema.JOBS.steps)}"):
            await Engine.open(Settings(root))

    async def test_of_an_older_program(self, root: Path, open_engine: Open) -> None:
        root.mkdir()  # noqa: ASYNC240 - no input or output to speak of
        old = sqlite3.connect(root / "jobs.db", isolation_level=None)
        schema.migrate(old, schema.Tables("job store", schema.JOBS.steps[:1]))
        old.execute("PRAGMA application_id = 0")  # as it was then
        old.execute(
            "INSERT INTO job (id, api, name, change, changed_at, queue, executor, cores, created_at)"
            " VALUES ('old', ?, 'true', 1, 0, ?, 'local', 1, 0)",
            (API, API),
        )
        old.execute("INSERT INTO spec VALUES (1, ?)", (Spec(Command(("true",))).to_json({"PATH": "/bin"}, "python"),))
        old.close()
        engine = await open_engine(Settings(root))
        await engine.start(API, "old")
        job = await reach(engine, "old", State.FINISHED)
        assert (job.exit_code, job.killed_at, job.awaits) == (0, None, 0)
        assert engine.identity() > 0

    async def test_opened_twice_in_one_process_keeps_its_locks(self, root: Path, open_engine: Open) -> None:
        await open_engine(Settings(root))
        await open_engine(Settings(root))
        inode = os.stat(root / "jobs.db").st_ino  # noqa: PTH116 - one number
        held = [line.split() for line in Path("/proc/locks").read_text().splitlines()]  # noqa: ASYNC240
        assert any(line[4] == str(os.getpid()) and line[5].endswith(f":{inode}") for line in held)


def keeper_command(engine: Engine, job: Job) -> list[str]:
    return [sys.executable, "-I", "-S", f"{runner.__path__[0]}/__main__.py", engine.directory(job.id)]


async def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return (await asyncio.to_thread(process.stdout.readline)).strip()


async def wait_for(process: subprocess.Popen[str]) -> int:
    await asyncio.to_thread(process.communicate)
    return process.returncode
