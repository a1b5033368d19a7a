"""Programs: how they end, what they are given, what they write."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Command, Limits
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import Cause, State
from tests.backends.jobs.support import (
    API,
    Open,
    descriptors_of,
    environment_of,
    is_gone,
    keeper_of,
    modes_in,
    new,
    printed,
    run_to_end,
    runner_of,
    shell,
    start,
    start_running,
    stdout,
    until,
)

pytestmark = pytest.mark.anyio


class TestEnd:
    async def test_success(self, engine: Engine) -> None:
        job = await run_to_end(engine, Command(("true",)))
        assert (job.exit_code, job.signal, job.waitstatus, job.cause, job.killed) == (0, None, 0, None, 0)

    async def test_exit_code(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("exit 3"))
        assert (job.exit_code, job.signal, job.waitstatus, job.cause) == (3, None, 768, None)

    async def test_death_by_signal(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("kill -SEGV $$"))
        assert (job.exit_code, job.signal, job.cause, job.killed) == (None, signal.SIGSEGV, None, 0)

    async def test_unknown_program(self, engine: Engine) -> None:
        job = await run_to_end(engine, Command(("no-such-program-anywhere",)))
        assert (job.exit_code, job.cause) == (127, Cause.NOT_STARTED)
        assert job.ending["error"] == "task 0: no-such-program-anywhere: No such file or directory"

    async def test_file_that_is_not_executable(self, engine: Engine, tmp_path: Path) -> None:
        (tmp_path / "plain").write_text("text")
        job = await run_to_end(engine, Command((str(tmp_path / "plain"),)))
        assert (job.exit_code, job.cause) == (126, Cause.NOT_STARTED)
        assert job.ending["error"] == f"task 0: {tmp_path}/plain: Permission denied"

    async def test_argument_that_is_too_long(self, engine: Engine) -> None:
        job = await run_to_end(engine, Command(("echo", "x" * 200_000)))
        assert (job.exit_code, job.cause) == (126, Cause.NOT_STARTED)
        assert "Argument list too long" in job.ending["error"]

    async def test_what_it_leaves_behind_on_purpose_stays(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("sleep 60 >/dev/null 2>&1 & echo $!"))
        left = int(await stdout(engine, job))
        assert job.exit_code == 0
        assert not is_gone(left)
        os.kill(left, signal.SIGKILL)

    async def test_times_are_in_order(self, engine: Engine) -> None:
        job = await run_to_end(engine, Command(("sleep", "0.1")))
        assert job.turn is not None
        assert job.began is not None
        assert job.ended is not None
        assert job.turn < job.began < job.ended
        assert job.duration is not None
        assert 0.1 <= job.duration < 10
        assert job.queued_at is not None
        assert job.started_at is not None
        assert job.finished_at is not None
        assert job.created_at <= job.queued_at <= job.started_at <= job.finished_at


class TestEnvironment:
    async def test_only_the_allowed_and_its_own(self, root: Path, open_engine: Open) -> None:
        os.environ["OPSGATE_TEST_SECRET"] = "secret"
        os.environ["OPSGATE_TEST_PLAIN"] = "plain"
        os.environ["LC_TEST"] = "C"
        try:
            engine = await open_engine(Settings(root, hand_on=("OPSGATE_TEST_PLAIN",)))
            job = await start_running(engine, Command(("sleep", "60")), environment={"OWN": "näme", "LANG": "C"})
            await until(lambda: "OWN" in environment_of(job.pid or 0))
            found = environment_of(job.pid or 0)
        finally:
            for name in ("OPSGATE_TEST_SECRET", "OPSGATE_TEST_PLAIN", "LC_TEST"):
                del os.environ[name]
        allowed = {"PATH", "HOME", "LANGUAGE", "TZ", "TMPDIR", "USER", "LOGNAME", "SHELL", "LD_LIBRARY_PATH"}
        own = {"OWN": "näme", "LANG": "C", "OPSGATE_JOB": job.id, "OPSGATE_TEST_PLAIN": "plain", "LC_TEST": "C"}
        expected = {name: value for name, value in os.environ.items() if name in allowed or name.startswith("LC_")}
        assert found.pop("OPSGATE_JOB_MARK").startswith(f"{job.id}@")
        assert found == expected | own

    async def test_runner_and_keeper_have_no_more(self, root: Path, open_engine: Open) -> None:
        os.environ["OPSGATE_TEST_SECRET"] = "secret"
        try:
            engine = await open_engine(Settings(root))
            job = await start_running(engine, Command(("sleep", "60")))
        finally:
            del os.environ["OPSGATE_TEST_SECRET"]
        for pid in (runner_of(engine, job), keeper_of(engine, job)):
            assert "OPSGATE_TEST_SECRET" not in environment_of(pid)
            assert "OPSGATE_JOB" not in environment_of(pid)

    @pytest.mark.parametrize(
        "variables", [{"A=B": "c"}, {"": "c"}, {"A": "\0"}, {"OPSGATE_JOB": "x"}, {"OPSGATE_JOB_MARK": "x"}, {"A": 1}]
    )
    async def test_impossible_variable(self, engine: Engine, variables: dict[str, str]) -> None:
        with pytest.raises(Invalid):
            await start(engine, Command(("true",)), environment=variables)


class TestDescriptors:
    async def test_only_the_three(self, engine: Engine) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            os.set_inheritable(listening.fileno(), True)
            job = await start_running(engine, Command(("sleep", "60")))
            await until(lambda: Path(f"/proc/{job.pid}/comm").read_text() == "sleep\n")
            directory = engine.directory(job.id)
            assert descriptors_of(job.pid or 0) == {
                0: "/dev/null",
                1: f"{directory}/stdout",
                2: f"{directory}/stderr",
            }

    async def test_runner_and_keeper_hold_nothing_of_ours(self, engine: Engine) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            os.set_inheritable(listening.fileno(), True)
            job = await start_running(engine, Command(("sleep", "60")))
            held = [*descriptors_of(runner_of(engine, job)).values(), *descriptors_of(keeper_of(engine, job)).values()]
            assert not any(target.startswith("socket:") for target in held)

    async def test_session_of_its_own_without_terminal(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("cut -d' ' -f1,6,7 /proc/$$/stat"))
        pid, session, terminal = (await stdout(engine, job)).split()
        assert pid == session == str(job.pid)
        assert terminal == "0"

    async def test_signals_are_as_programs_expect_them(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("grep -E '^Sig(Blk|Ign)' /proc/self/status"))
        blocked, ignored = [int(line.split()[1], 16) for line in (await stdout(engine, job)).splitlines()]
        # 32 and 33 are the C library's own: its posix_spawn has them ignored, and programs set them anew.
        assert (blocked, ignored & ~(0b11 << 31)) == (0, 0)


class TestDirectory:
    async def test_its_own(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("pwd; touch here"))
        work = Path(engine.directory(job.id), "work")
        assert await stdout(engine, job) == f"{work}\n"
        assert (work / "here").exists()

    async def test_given(self, engine: Engine, tmp_path: Path) -> None:
        job = await run_to_end(engine, shell("pwd"), directory=str(tmp_path))
        assert await stdout(engine, job) == f"{tmp_path}\n"

    async def test_missing(self, engine: Engine, tmp_path: Path) -> None:
        job = await run_to_end(engine, shell("pwd"), directory=f"{tmp_path}/missing")
        assert (job.exit_code, job.cause) == (127, Cause.NOT_STARTED)
        assert job.ending["error"] == f"task 0: {tmp_path}/missing: No such file or directory"

    async def test_missing_with_fallback(self, engine: Engine, tmp_path: Path) -> None:
        missing = f"{tmp_path}/missing"
        job = await run_to_end(engine, shell("pwd"), directory=missing, fallback_directory=str(tmp_path))
        assert (job.exit_code, await stdout(engine, job)) == (0, f"{tmp_path}\n")
        said = (await engine.output(API, job.id, "stderr")).data.decode()
        assert said == f"No such file or directory: {missing}; running in {tmp_path}\n"

    async def test_relative_is_refused(self, engine: Engine) -> None:
        with pytest.raises(Invalid, match="absolute"):
            await engine.create(new(Command(("true",)), directory="somewhere"))

    async def test_files_are_the_owners_alone(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("echo hello"))
        directory = Path(engine.directory(job.id))
        assert modes_in(directory) == {
            job.id: "0o700",
            "work": "0o700",
            "lock": "0o600",
            "spec.json": "0o600",
            "stdout": "0o600",
            "stderr": "0o600",
            "exit.json": "0o600",
        }
        assert modes_in(directory.parents[2])["jobs.db"] == "0o600"


class TestOutput:
    async def test_streams_apart(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("echo out; echo err >&2"))
        assert (await engine.output(API, job.id)).data == b"out\n"
        assert (await engine.output(API, job.id, "stderr")).data == b"err\n"

    async def test_streams_together_keep_their_order(self, engine: Engine) -> None:
        script = "for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done"
        job = await run_to_end(engine, shell(script), merge_output=True)
        assert await stdout(engine, job) == "".join(f"out {i}\nerr {i}\n" for i in range(1, 10))
        assert (await engine.output(API, job.id, "stderr")).data == b""

    async def test_megabytes(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("head -c 20000000 /dev/zero"))
        found = [len(piece) async for piece in engine.follow_output(API, job.id)]
        assert sum(found) == 20_000_000

    async def test_pieces_of_a_running_job(self, engine: Engine) -> None:
        job = await start_running(engine, shell("echo 0123456789; sleep 60"))
        await printed(engine, job, "9\n")
        piece = await engine.output(API, job.id, offset=3, limit=4)
        assert piece == (b"3456", 3, 7, 11, False)
        assert await engine.output(API, job.id, offset=-3) == (b"89\n", 8, 11, 11, False)
        assert await engine.output(API, job.id, offset=99) == (b"", 11, 11, 11, False)

    async def test_complete_at_the_end_only(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("echo 0123456789"))
        assert (await engine.output(API, job.id, limit=4)).complete is False
        assert (await engine.output(API, job.id, offset=4)).complete is True

    async def test_last_lines(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("seq 1 1000"))
        assert (await engine.last_lines(API, job.id, lines=3)).data == b"998\n999\n1000\n"
        assert (await engine.last_lines(API, job.id, lines=3, limit=7)).data == b"9\n1000\n"
        assert (await engine.last_lines(API, job.id, lines=0)).data == b""

    async def test_before_the_start(self, engine: Engine) -> None:
        job = (await engine.create(new(Command(("true",))))).job
        assert await engine.output(API, job.id) == (b"", 0, 0, 0, False)


class TestTasks:
    async def test_ranks(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("echo rank $RANK"), tasks=4, rank_variable="RANK", merge_output=True)
        assert sorted((await stdout(engine, job)).splitlines()) == ["rank 0", "rank 1", "rank 2", "rank 3"]
        assert job.exit_code == 0

    async def test_the_worst_counts(self, engine: Engine) -> None:
        job = await run_to_end(engine, shell("exit $RANK"), tasks=3, rank_variable="RANK")
        assert (job.exit_code, job.waitstatus, job.ending["tasks"]) == (2, 512, [0, 256, 512])

    async def test_all_are_ended(self, engine: Engine) -> None:
        job = await start_running(engine, shell("echo $$; exec sleep 60"), tasks=3)
        said = ""
        async with asyncio.timeout(60):
            async for piece in engine.follow_output(API, job.id):
                said += piece.decode()
                if said.count("\n") == 3:
                    break
        await engine.kill(API, job.id)
        ended = await engine.wait(API, job.id, 30)
        assert (ended.state, ended.signal) == (State.FINISHED, signal.SIGTERM)
        assert all(is_gone(int(pid)) for pid in said.split())


class TestRefused:
    @pytest.mark.parametrize(
        ("run", "spec"),
        [
            (Command(()), {}),
            (Command(("",)), {}),
            (Command(("echo", "a\0b")), {}),
            (Command(("true",)), {"tasks": 0}),
            (Command(("true",)), {"limits": Limits(time=0)}),
            (Command(("true",)), {"limits": Limits(memory=-1)}),
            (Command(("true",)), {"limits": Limits(grace=-1)}),
            (Command(("true",)), {"limits": Limits(time_signal=99)}),
            (Command(("true",)), {"limits": Limits(time=float("nan"))}),
        ],
    )
    async def test_invalid(self, engine: Engine, run: Command, spec: dict[str, Any]) -> None:
        with pytest.raises(Invalid):
            await engine.create(new(run, **spec))
        assert await engine.count(API) == 0
