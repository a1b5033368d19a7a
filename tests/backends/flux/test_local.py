"""What the local engine alone must see to: numbers, cores, several workers, restarts, sudden deaths."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.flux import ids
from opsgate.backends.flux.local import mirror
from opsgate.backends.flux.local.backend import LocalBackend
from opsgate.backends.flux.port import NewJob, Resources, Selection
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.housekeeping import Keep
from opsgate.backends.jobs.model import Command, Spec
from opsgate.backends.jobs.model import NewJob as EngineJob
from opsgate.backends.jobs.settings import Settings
from tests.backends.flux.engines import CORES, GRACE, end_all, job_engine, local_backend
from tests.backends.flux.support import SECONDS, SLEEP, ended, happened, new, printed, run, running, shell
from tests.backends.jobs.support import runner_of

pytestmark = pytest.mark.anyio

Worker = Callable[..., LocalBackend]
ALL = Selection(limit=None)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
async def worker(root: Path) -> AsyncIterator[Worker]:
    """Open backends on one store, as so many workers."""
    opened: list[LocalBackend] = []

    def open_one(cores: int = CORES, **options: int) -> LocalBackend:
        opened.append(local_backend(root, cores, **options))
        return opened[-1]

    yield open_one
    for backend in opened:
        await backend.aclose()
    if opened:
        await end_all(root)


class TestNumbers:
    async def test_laid_out_as_flux_does(self, worker: Worker) -> None:
        numbers = [(await worker().jobs.submit(new("true", urgency=0))).id for _ in range(3)]
        assert [number % 2**24 for number in numbers] == [0, 0, 0]
        assert numbers == sorted(set(numbers))
        assert max(numbers) < 2**53

    async def test_of_many_workers(self, worker: Worker) -> None:
        workers = [worker() for _ in range(3)]

        async def client(backend: LocalBackend) -> list[int]:
            return [(await backend.jobs.submit(new("true", urgency=0))).id for _ in range(20)]

        rows = await asyncio.gather(*(client(backend) for backend in workers for _ in range(2)))
        assert len({number for row in rows for number in row}) == 120
        assert all(row == sorted(row) for row in rows)

    async def test_go_on_after_a_restart(self, worker: Worker) -> None:
        first = worker()
        before = await first.jobs.submit(new("true", urgency=0))
        await first.aclose()
        assert (await worker().jobs.submit(new("true", urgency=0))).id > before.id

    async def test_jobs_of_other_apis_are_none_of_ours(self, root: Path, worker: Worker) -> None:
        backend = worker()
        mine = await backend.jobs.submit(new("true", urgency=0))
        engine = await Engine.open(Settings(root, cores=CORES))
        await engine.create(EngineJob("hoplite", "theirs", Spec(Command(("true",)))))
        await engine.close()
        assert [record.id for record in await backend.jobs.jobs(ALL)] == [mine.id]
        with pytest.raises(NotFound):
            await backend.jobs.job(mine.id + 2**24)


class TestCores:
    async def test_first_come_first_served(self, worker: Worker, tmp_path: Path) -> None:
        jobs = worker(1).jobs
        records = [await jobs.submit(shell(f"echo {number} >>{tmp_path}/log")) for number in range(12)]
        for record in records:
            await ended(jobs, record)
        assert (tmp_path / "log").read_text().split() == [str(number) for number in range(12)]

    async def test_none_is_overtaken(self, worker: Worker) -> None:
        jobs = worker(2).jobs
        busy = await running(jobs, new(*SLEEP))
        big = await jobs.submit(new("true", cores_per_task=2))
        small = await jobs.submit(new("true"))
        assert {(await jobs.job(record.id)).state_name for record in (big, small)} == {"SCHED"}
        await jobs.cancel(busy.id)
        assert (await ended(jobs, small)).attributes["t_run"] >= (await ended(jobs, big)).attributes["t_run"]

    async def test_tasks_times_cores_of_each(self, worker: Worker) -> None:
        jobs = worker(4).jobs
        record = await running(jobs, new(*SLEEP, num_tasks=2, cores_per_task=2))
        assert record.attributes["annotations"] == {"sched": {"resource_summary": "rank0/core[0-3]"}}
        assert (await jobs.job((await jobs.submit(new("true"))).id)).is_pending

    async def test_exclusive_takes_all(self, worker: Worker) -> None:
        jobs = worker(4).jobs
        record = await running(jobs, new(*SLEEP, num_nodes=1, exclusive=True))
        assert record.attributes["ncores"] == 4
        assert (await jobs.job((await jobs.submit(new("true"))).id)).is_pending

    async def test_unsatisfiable_says_what_there_is(self, worker: Worker) -> None:
        jobs = worker(4).jobs
        notes = [
            (await run(jobs, new("true", **members))).attributes["exception_note"]
            for members in ({"cores_per_task": 10_000}, {"num_tasks": 6}, {"num_tasks": 3, "cores_per_task": 2})
        ]
        assert notes == [
            "unsatisfiable request: need 1 slot(s) of 10000 core(s), only 0 such slot(s) available (total cores: 4)",
            "unsatisfiable request: need 6 slot(s) of 1 core(s), only 4 such slot(s) available (total cores: 4)",
            "unsatisfiable request: need 3 slot(s) of 2 core(s), only 2 such slot(s) available (total cores: 4)",
        ]

    @pytest.mark.parametrize("members", [{"num_nodes": 2, "num_tasks": 2}, {"gpus_per_task": 1}])
    async def test_what_this_machine_has_not(self, worker: Worker, members: dict[str, int]) -> None:
        with pytest.raises(Invalid, match="this machine"):
            await worker().jobs.submit(new("true", **members))

    async def test_more_than_can_be_counted(self, worker: Worker) -> None:
        with pytest.raises(Invalid):
            await worker().jobs.submit(new("true", num_tasks=2**40, cores_per_task=2**40))


class TestMachine:
    async def test_one_node(self, worker: Worker) -> None:
        backend = worker()
        assert await backend.nodes.nodes() == [socket.gethostname()]
        assert await backend.nodes.resources() == Resources(nodes=1, cores=CORES, gpus=0)

    async def test_any_number_of_cores_is_told_as_those_there_are(self, worker: Worker) -> None:
        assert (await worker(0).nodes.resources()).cores == len(os.sched_getaffinity(0))

    async def test_ready(self, worker: Worker) -> None:
        backend = worker(1)
        await running(backend.jobs, new(*SLEEP))
        for urgency in (0, 16):
            await backend.jobs.submit(new("true", urgency=urgency))
        assert await backend.ready() == {"name": "local", "state": "1 running, 2 waiting"}


class TestProcesses:
    async def test_none_is_left(self, worker: Worker) -> None:
        jobs = worker().jobs
        record = await jobs.submit(shell("setsid sleep 600 & echo $!; sleep 600 & echo $!; wait", num_tasks=2))
        text = ""
        async with asyncio.timeout(SECONDS):
            async for piece in jobs.follow(record.id):
                text += piece
                if text.count("\n") == 4:
                    break
        await jobs.cancel(record.id)
        await ended(jobs, record)
        for pid in map(int, text.split()):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)

    async def test_sigalrm_then_sigkill(self, worker: Worker) -> None:
        jobs = worker().jobs
        over = await run(jobs, shell('trap "" ALRM; sleep 600; sleep 600', duration=0.2))
        assert (over.flattened()["result"], over.returncode) == ("TIMEOUT", 137)
        assert over.attributes["t_inactive"] - over.attributes["t_run"] >= GRACE

    async def test_the_environment_is_the_usual_and_its_own(
        self, worker: Worker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SOMETHING_OF_OURS", "1")
        jobs = worker().jobs
        record = await run(jobs, new("env", envars={"MINE": "2", "FLUX_JOB_SIZE": "7"}))
        lines = dict(line.rstrip("\n").split("=", 1) for line in await jobs.output(record.id) or [])
        own = {name: value for name, value in lines.items() if name.startswith(("FLUX", "MINE", "SOMETHING"))}
        assert own == {
            "FLUX_JOB_ID": ids.f58(record.id),
            "FLUX_JOB_SIZE": "1",
            "FLUX_JOB_NNODES": "1",
            "FLUX_TASK_RANK": "0",
            "MINE": "2",
        }

    async def test_a_directory_relative_to_the_service(self, worker: Worker) -> None:
        jobs = worker().jobs
        record = await run(jobs, new("pwd", workdir="tests"))
        assert await jobs.output(record.id) == [f"{Path.cwd()}/tests\n"]


class TestOutput:
    async def test_more_than_fits_into_an_answer(self, worker: Worker) -> None:
        jobs = worker(max_answer=10).jobs
        record = await run(jobs, new("printf", r"12345\n1234567890"))
        lines = await jobs.output(record.id) or []
        assert lines[:2] == ["12345\n", "1234"]
        assert "6 bytes more" in lines[2]
        assert "".join([piece async for piece in jobs.follow(record.id)]) == "12345\n1234567890"

    async def test_more_than_is_kept(self, worker: Worker) -> None:
        jobs = worker(max_output=1000).jobs
        over = await run(jobs, new("seq", "100000"))
        assert over.returncode == 0
        assert len("".join(await jobs.output(over.id) or [])) == 1000


class TestUrgency:
    async def test_of_one_that_runs(self, worker: Worker) -> None:
        jobs = worker().jobs
        record = await running(jobs, new(*SLEEP))
        with pytest.raises(Conflict, match="urgency cannot be changed once resources are allocated"):
            await jobs.set_urgency(record.id, 20)


class TestSeveralWorkers:
    async def test_what_one_answered_all_show(self, worker: Worker) -> None:
        one, other = worker(), worker()
        for _ in range(20):
            record = await one.jobs.submit(new("true", urgency=0))
            assert (await other.jobs.job(record.id)).raw == record.raw
            assert record.id in [found.id for found in await other.jobs.jobs(ALL)]
            await other.jobs.cancel(record.id)
            assert (await one.jobs.job(record.id)).is_inactive
            assert (await one.jobs.jobs(Selection(states=("INACTIVE",), limit=1)))[0].id == record.id

    async def test_same_jobs_same_order_same_change(self, worker: Worker) -> None:
        one, other = worker(), worker()
        await one.jobs.jobs(ALL)
        for number in range(6):
            await run(one.jobs, new("true"))
            await one.jobs.submit(new("true", urgency=number if number < 2 else 0))
        await running(one.jobs, new(*SLEEP))
        await running(one.jobs, new(*SLEEP))
        page, latest = await one.jobs.jobs(ALL), await other.jobs.jobs(ALL)
        assert page.raw == latest.raw
        await one.jobs.submit(new("true", urgency=0))
        page, later = await one.jobs.jobs(ALL), await other.jobs.jobs(ALL)
        assert (page.change, page.raw) == (later.change, later.raw)
        assert later.change != latest.change

    async def test_they_tell_the_same_events(self, worker: Worker) -> None:
        one, other = worker(), worker()
        record = await one.jobs.submit(new("true"))
        events = await happened(one.events, record)
        assert await happened(other.events, record) == events
        assert await happened(other.events, record, events[3].id) == events[4:]


class TestTable:
    async def test_made_anew_it_is_the_same(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        backend = worker()
        await backend.aopen()
        monkeypatch.setattr(mirror, "_AT_ONCE", 3)
        for number in range(8):
            await run(backend.jobs, new("true"))
            await backend.jobs.submit(new("true", urgency=0))
            if number % 4 == 0:
                await running(backend.jobs, new(*SLEEP))
        anew = worker()
        assert (await anew.jobs.jobs(ALL)).raw == (await backend.jobs.jobs(ALL)).raw
        assert (await anew.jobs.jobs(ALL)).total == 18

    async def test_many_changes_at_once(self, worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(mirror, "_MOST_CHANGED", 3)
        one, other = worker(), worker()
        await other.aopen()
        for _ in range(8):
            await one.jobs.submit(new("true", urgency=0))
        assert (await other.jobs.jobs(ALL)).raw == (await one.jobs.jobs(ALL)).raw

    async def test_is_bounded_and_what_is_not_in_it_is_found(self, root: Path, worker: Worker) -> None:
        backend = worker()
        over = [await run(backend.jobs, new("true")) for _ in range(4)]
        opening = job_engine(root)
        small = LocalBackend(opening, most_listed=2)
        assert [record.id for record in await small.jobs.jobs(ALL)] == [over[3].id, over[2].id]
        assert (await small.jobs.job(over[0].id)).raw == over[0].raw
        await opening.aclose()

    async def test_what_is_removed_goes(self, root: Path, worker: Worker) -> None:
        backend = worker()
        over = [await run(backend.jobs, new("true")) for _ in range(3)]
        await backend.jobs.jobs(ALL)
        engine = await Engine.open(Settings(root, keep={"flux": Keep(jobs=1)}, seconds_between_tidying=0.05))
        async with asyncio.timeout(SECONDS):
            while [record.id for record in await backend.jobs.jobs(ALL)] != [over[2].id]:  # noqa: ASYNC110 - by another
                await asyncio.sleep(0.02)
        await engine.close()
        with pytest.raises(NotFound):
            await backend.jobs.job(over[0].id)

    async def test_another_store_in_its_place(self, tmp_path: Path) -> None:
        changes = []
        for name in ("one", "other"):
            backend = local_backend(tmp_path / name)
            await backend.jobs.submit(new("true", urgency=0))
            changes.append((await backend.jobs.jobs(ALL)).change)
            await backend.aclose()
            await end_all(tmp_path / name)
        assert changes[0] != changes[1]


class TestEvents:
    async def test_what_is_forgotten_is_said(self, root: Path, worker: Worker) -> None:
        backend = worker()
        record = await run(backend.jobs, new("true"))
        events = await happened(backend.events, record)
        with sqlite3.connect(root / "jobs.db") as db:  # in place of a hundred thousand changes
            db.execute("DELETE FROM journal WHERE change < 5")
        db.close()
        follow = backend.events.follow(events[0].id)
        reset = await anext(follow)
        assert (reset.name, reset.job) == ("reset", None)
        later = await run(backend.jobs, new("true"))
        assert ((await anext(follow)).job, (await anext(follow)).name) == (later.id, "validate")
        follow = backend.events.follow(reset.id)
        assert ((await anext(follow)).job, (await anext(follow)).name) == (later.id, "validate")

    async def test_of_another_store(self, worker: Worker) -> None:
        backend = worker()
        await run(backend.jobs, new("true"))
        assert (await anext(backend.events.follow("1234-1.0"))).name == "reset"

    async def test_of_a_job_whose_events_are_forgotten(self, root: Path, worker: Worker) -> None:
        backend = worker()
        record = await run(backend.jobs, new("true"))
        await run(backend.jobs, new("true"))
        with sqlite3.connect(root / "jobs.db") as db:
            db.execute("DELETE FROM journal WHERE change < 8")
        db.close()
        assert await happened(backend.events, record) == []

    async def test_of_a_job_that_was_held(self, worker: Worker) -> None:
        backend = worker()
        record = await backend.jobs.submit(new("true", urgency=0))
        await backend.jobs.set_urgency(record.id, 20)
        told = [(event.name, event.context) for event in await happened(backend.events, record)][2:7]
        assert told[:4] == [
            ("depend", {}),
            ("priority", {"priority": 0}),
            ("urgency", {"userid": os.getuid(), "urgency": 20}),
            ("priority", {"priority": 20}),
        ]


class TestStop:
    async def test_all_jobs_end(self, worker: Worker) -> None:
        backend = worker(2)
        busy = [await running(backend.jobs, new(*SLEEP)) for _ in range(2)]
        waiting = [await backend.jobs.submit(new("true", urgency=urgency)) for urgency in (16, 0, 16)]
        await backend.service.stop()
        codes = [(await ended(backend.jobs, record)).returncode for record in (*busy, *waiting)]
        assert codes == [143, 143, -128, -128, -128]


class TestRestart:
    async def test_all_is_as_it_was(self, worker: Worker) -> None:
        first = worker(2)
        over = await run(first.jobs, new("echo", "kept"))
        busy = await running(first.jobs, shell("echo busy; exec sleep 600"))
        blocking = await running(first.jobs, new(*SLEEP))
        waiting = await first.jobs.submit(new("true"))
        await printed(first.jobs, busy, "busy")
        page = await first.jobs.jobs(ALL)
        await first.aclose()
        again = worker(2)
        assert (await again.jobs.jobs(ALL)).raw == page.raw
        assert await again.jobs.output(over.id) == ["kept\n"]
        assert await again.jobs.output(busy.id) == ["busy\n"]
        await again.jobs.cancel(busy.id)
        assert (await ended(again.jobs, busy)).returncode == 143
        assert (await ended(again.jobs, waiting)).returncode == 0
        assert (await again.jobs.job(blocking.id)).is_running

    async def test_a_backend_can_be_used_again(self, worker: Worker) -> None:
        backend = worker()
        first = await run(backend.jobs, new("true"))
        await backend.aclose()
        second = await run(backend.jobs, new("true"))
        assert [record.id for record in await backend.jobs.jobs(ALL)] == [second.id, first.id]


SUBMITTER = """
import asyncio, sys
from pathlib import Path
from tests.backends.flux.engines import local_backend
from tests.backends.flux.support import shell

async def client(jobs, log, name):
    for number in range(1000):
        record = await jobs.submit(shell(f"echo {name}.{number} >>{log}"))
        print(record.id, f"{name}.{number}", flush=True)

async def main(root, log):
    jobs = local_backend(Path(root)).jobs
    await asyncio.gather(*(client(jobs, log, name) for name in "abcdefgh"))

asyncio.run(main(*sys.argv[1:]))
"""


class TestSuddenDeath:
    async def test_of_who_submitted(self, root: Path, worker: Worker, tmp_path: Path) -> None:
        log = tmp_path / "log"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SUBMITTER, str(root), str(log), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        said = [await process.stdout.readline() for _ in range(60)]
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        rest = await process.stdout.read()
        await process.wait()
        accepted = dict(line.split() for line in (b"".join(said) + rest).decode().splitlines() if " " in line)
        jobs = worker().jobs
        everything = await jobs.jobs(ALL)
        assert {int(number) for number in accepted} <= {record.id for record in everything}
        for record in everything:
            assert (await ended(jobs, record)).returncode == 0
        ran = log.read_text().split()
        assert len(ran) == len(set(ran)) == everything.total
        assert set(accepted.values()) <= set(ran)
        for name in "abcdefgh":
            order = [int(number) for number in accepted if accepted[number].startswith(name)]
            assert order == sorted(order)

    async def test_of_a_jobs_runner(self, root: Path, worker: Worker) -> None:
        jobs = worker().jobs
        record = await running(jobs, new(*SLEEP))
        engine = await Engine.open(Settings(root, cores=CORES))
        os.kill(runner_of(engine, await engine.get("flux", str(record.id))), signal.SIGKILL)
        over = await ended(jobs, record)
        await engine.close()
        assert (over.flattened()["result"], over.returncode) == ("FAILED", 1)
        assert over.attributes["exception_note"] == "Its runner was killed"


class TestKept:
    async def test_shell_options_are_taken_and_mean_nothing_here(self, worker: Worker) -> None:
        wanted = NewJob(("true",), option_flags={"mpi": "none", "verbose": 1, "deep": {"a": [1]}})
        assert (await run(worker().jobs, wanted)).returncode == 0
