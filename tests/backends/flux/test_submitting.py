"""Submitting: what a job is given, what is refused, many at once."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.flux import ids
from opsgate.backends.flux.port import FluxBackend, JobsPort, NewJob
from opsgate.backends.flux.record import Record
from opsgate.backends.flux.states import State
from tests.backends.flux.support import SLEEP, ended, happened, new, reached, run, running, shell

pytestmark = pytest.mark.anyio


class TestJob:
    async def test_is_found_at_once(self, jobs: JobsPort) -> None:
        record = await jobs.submit(new("true"))
        found = await jobs.job(record.id)
        assert found.id == record.id
        assert found.attributes["f58"] == ids.f58(record.id)

    async def test_members(self, jobs: JobsPort) -> None:
        record = await run(jobs, new("/bin/true", num_tasks=2, cores_per_task=2, duration=600.0))
        members = ("userid", "urgency", "priority", "name", "ntasks", "ncores", "duration", "nnodes", "ranks")
        assert {name: record.attributes[name] for name in members} == {
            "userid": os.getuid(),
            "urgency": 16,
            "priority": 16,
            "name": "true",
            "ntasks": 2,
            "ncores": 4,
            "duration": 600.0,
            "nnodes": 1,
            "ranks": "0",
        }

    async def test_name_of_its_own(self, jobs: JobsPort) -> None:
        assert (await run(jobs, new("true", name="mine"))).name == "mine"

    async def test_unknown(self, jobs: JobsPort) -> None:
        for number in (0, 12345, 2**64 - 1):
            with pytest.raises(NotFound, match="unknown job id"):
                await jobs.job(number)

    async def test_waiting_for_one_that_goes_on(self, jobs: JobsPort) -> None:
        record = await running(jobs, new(*SLEEP))
        assert (await jobs.job(record.id, wait=0.05)).is_running

    async def test_waiting_for_an_unknown_one(self, jobs: JobsPort) -> None:
        with pytest.raises(NotFound, match="unknown job id"):
            await jobs.job(12345, wait=1)


class TestProcesses:
    async def test_one_per_task_that_knows_its_place(self, jobs: JobsPort) -> None:
        record = await run(
            jobs, shell("echo $FLUX_JOB_ID $FLUX_TASK_RANK $FLUX_JOB_SIZE $FLUX_JOB_NNODES", num_tasks=3)
        )
        f58 = ids.f58(record.id)
        assert sorted(await jobs.output(record.id) or []) == [f"{f58} {rank} 3 1\n" for rank in range(3)]

    async def test_no_shell(self, jobs: JobsPort) -> None:
        record = await run(jobs, new("echo", "$HOME", "a  b", "*", "it's"))
        assert await jobs.output(record.id) == ["$HOME a  b * it's\n"]

    async def test_variables(self, jobs: JobsPort) -> None:
        record = await run(jobs, shell('echo "$MINE"', envars={"MINE": "a 'b' \N{SNOWMAN}"}))
        assert await jobs.output(record.id) == ["a 'b' \N{SNOWMAN}\n"]

    async def test_directory(self, jobs: JobsPort, tmp_path: Path) -> None:
        record = await run(jobs, new("pwd", workdir=str(tmp_path)))
        assert await jobs.output(record.id) == [f"{tmp_path}\n"]

    async def test_directory_that_is_not_there(self, jobs: JobsPort, tmp_path: Path) -> None:
        record = await run(jobs, new("pwd", workdir=f"{tmp_path}/no/such"))
        assert record.returncode == 0
        assert (await jobs.output(record.id) or [])[-1] == "/tmp\n"

    @pytest.mark.parametrize("name", ["FLUX_TOKEN", "FLUX_SECRET_KEY", "OPSGATE_TOKEN"])
    async def test_none_of_our_secrets(self, jobs: JobsPort, name: str) -> None:
        os.environ[name] = "s3cret"
        try:
            record = await run(jobs, new("env"))
        finally:
            del os.environ[name]
        assert "s3cret" not in "".join(await jobs.output(record.id) or [])


class TestRefused:
    @pytest.mark.parametrize(
        ("wanted", "message"),
        [
            (new(), "command array cannot have length of zero"),
            (new(""), "command array cannot have length of zero"),
            (new("echo", "a\0b"), "not a text"),
            (new("echo", "\ud800"), "not a text"),
            (new("true", num_tasks=0), "task count must be a integer >= 1"),
            (new("true", cores_per_task=0), "cores per task must be an integer >= 1"),
            (new("true", gpus_per_task=-1), "gpus per task must be an integer >= 0"),
            (new("true", num_nodes=0), "node count must be an integer >= 1"),
            (new("true", num_nodes=2), "node count must not be greater than task count"),
            (new("true", exclusive=True), "exclusive can only be set with a node count"),
            (new("true", duration=-1.0), "duration must not be negative"),
            (new("true", duration=float("nan")), "duration must be a normal, finite value"),
            (new("true", duration=float("inf")), "duration must be a normal, finite value"),
            (new("true", urgency=32), r"urgency range is \[0:31\]"),
            (new("true", urgency=-1), r"urgency range is \[0:31\]"),
            (new("true", workdir="/a\0b"), "not a text"),
            (new("true", envars={"A": "\0"}), "not a text"),
            (new("true", envars={"A=B": "c"}), "A=B"),
            (new("true", option_flags={"verbose": "\ud800"}), "option_flags cannot be told in JSON"),
            (new("true", option_flags={"verbose": {1}}), "option_flags cannot be told in JSON"),
            (new("true", dependencies=("afterok",)), 'afterok: "" is not a valid jobid'),
            (new("true", dependencies=("afterok:x",)), 'afterok: "x" is not a valid jobid'),
            (new("true", dependencies=("whenever:1",)), 'dependency scheme "whenever" not supported'),
            (new("true", dependencies=("afterok:12345",)), "dependency: afterok: id .+: job not found"),
        ],
        ids=str,
    )
    async def test_what_cannot_be(self, jobs: JobsPort, wanted: NewJob, message: str) -> None:
        with pytest.raises(Invalid, match=message):
            await jobs.submit(wanted)


class TestManyAtOnce:
    async def test_none_lost_and_order_kept(self, jobs: JobsPort) -> None:
        async def client(number: int) -> list[Record]:
            return [await jobs.submit(new("true", name=f"storm-{number}")) for _ in range(25)]

        clients = await asyncio.gather(*(client(number) for number in range(8)))
        for submitted in clients:
            numbers = [record.id for record in submitted]
            assert numbers == sorted(numbers)
        everything = [record for submitted in clients for record in submitted]
        assert len({record.id for record in everything}) == 200
        over = [await ended(jobs, record) for record in everything]
        assert {record.returncode for record in over} == {0}

    async def test_200_in_one_moment(self, jobs: JobsPort) -> None:
        submitted = await asyncio.gather(*(jobs.submit(new(*SLEEP, urgency=0)) for _ in range(200)))
        assert len({record.id for record in submitted}) == 200
        found = [await jobs.job(record.id) for record in submitted]
        assert {record.is_pending for record in found} == {True}
        for record in submitted:
            await jobs.cancel(record.id)


class TestUrgency:
    async def test_held_until_it_has_another(self, jobs: JobsPort) -> None:
        held = await jobs.submit(new("true", urgency=0))
        assert (held.attributes["urgency"], held.is_pending) == (0, True)
        assert (await run(jobs, new("true"))).returncode == 0
        waiting = await jobs.job(held.id)
        assert (waiting.state_name, waiting.priority) == ("SCHED", 0)
        await jobs.set_urgency(held.id, 20)
        over = await ended(jobs, held)
        assert (over.returncode, over.attributes["urgency"], over.priority) == (0, 20, 20)

    async def test_held_while_it_waits(self, backend: FluxBackend) -> None:
        jobs, cores = backend.jobs, (await backend.nodes.resources()).cores
        blocking = await running(jobs, new(*SLEEP, cores_per_task=cores))
        first, second = [await jobs.submit(new("true", cores_per_task=cores)) for _ in range(2)]
        await jobs.set_urgency(first.id, 0)
        await jobs.cancel(blocking.id)
        assert (await ended(jobs, second)).returncode == 0
        held = await jobs.job(first.id)
        assert (held.state_name, held.attributes["urgency"], held.priority) == ("SCHED", 0, 0)
        await jobs.set_urgency(first.id, 16)
        assert (await ended(jobs, first)).returncode == 0
        names = [event.name for event in await happened(backend.events, first) if event.name in ("urgency", "priority")]
        assert names == ["priority", "urgency", "priority", "urgency", "priority"]

    async def test_held_while_it_waits_for_another(self, jobs: JobsPort) -> None:
        blocking = await running(jobs, new(*SLEEP))
        second = await jobs.submit(new("true", dependencies=(f"afterany:{blocking.id}",)))
        await jobs.set_urgency(second.id, 0)
        await jobs.cancel(blocking.id)
        held = await reached(jobs, second, State.SCHED)
        assert held.priority == 0
        await jobs.set_urgency(second.id, 16)
        assert (await ended(jobs, second)).returncode == 0

    async def test_the_higher_goes_first(self, backend: FluxBackend) -> None:
        jobs, cores = backend.jobs, (await backend.nodes.resources()).cores
        blocking = await running(jobs, new(*SLEEP, cores_per_task=cores))
        wanted = {
            urgency: await jobs.submit(new("true", cores_per_task=cores, urgency=urgency)) for urgency in (8, 16, 31)
        }
        await jobs.cancel(blocking.id)
        over = {urgency: await ended(jobs, record) for urgency, record in wanted.items()}
        assert sorted(over, key=lambda urgency: over[urgency].attributes["t_run"]) == [31, 16, 8]
        assert over[31].priority == 2**32 - 1

    async def test_of_a_job_that_is_over(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("true"))
        for urgency in (0, 20):
            with pytest.raises(Conflict, match="job is inactive"):
                await jobs.set_urgency(over.id, urgency)

    async def test_of_a_job_that_runs(self, jobs: JobsPort) -> None:
        record = await running(jobs, new(*SLEEP))
        for urgency in (0, 20):
            with pytest.raises(Conflict, match="urgency cannot be changed once resources are allocated"):
                await jobs.set_urgency(record.id, urgency)

    async def test_of_no_job(self, jobs: JobsPort) -> None:
        with pytest.raises(NotFound):
            await jobs.set_urgency(12345, 20)
        with pytest.raises(Invalid):
            await jobs.set_urgency(12345, 32)


class TestDependencies:
    @pytest.mark.parametrize(
        ("scheme", "script"), [("afterok", "true"), ("afterany", "false"), ("afternotok", "false")]
    )
    async def test_kept(self, jobs: JobsPort, scheme: str, script: str) -> None:
        first = await jobs.submit(shell(f"sleep 0.1; {script}"))
        second = await jobs.submit(new("true", dependencies=(f"{scheme}:{ids.f58(first.id)}",)))
        over, before = await ended(jobs, second), await ended(jobs, first)
        assert over.returncode == 0
        assert over.attributes["t_run"] >= before.attributes["t_inactive"] - 0.05

    async def test_waiting_is_a_state_of_its_own(self, jobs: JobsPort) -> None:
        first = await running(jobs, new(*SLEEP))
        second = await jobs.submit(new("true", dependencies=(f"afterany:{first.id}",)))
        waiting: dict[str, Any] = (await jobs.job(second.id)).flattened()
        assert waiting["state"] == "DEPEND"
        assert {"priority", "t_priority", "t_sched"} & set(waiting) == set()
        await jobs.cancel(first.id)
        assert (await ended(jobs, second)).returncode == 0

    async def test_in_vain(self, jobs: JobsPort) -> None:
        first = await running(jobs, new(*SLEEP))
        second = await jobs.submit(new("true", dependencies=(f"afterok:{first.id}",)))
        await jobs.cancel(first.id)
        over = (await ended(jobs, second)).flattened()
        assert (over["result"], over["exception"]["type"], over["returncode"]) == ("FAILED", "dependency", 1)
        note = f"dependency after-success={ids.f58(first.id)} can never be satisfied"
        assert over["exception"]["note"] == note

    @pytest.mark.parametrize(
        ("scheme", "command", "message"),
        [
            ("afterok", "false", "dependency: afterok: job {} failed or was canceled"),
            ("afternotok", "true", "dependency: afternotok: job {} succeeded"),
        ],
    )
    async def test_known_to_be_in_vain(self, jobs: JobsPort, scheme: str, command: str, message: str) -> None:
        over = await run(jobs, new(command))
        with pytest.raises(Invalid, match=message.format(ids.f58(over.id))):
            await jobs.submit(new("true", dependencies=(f"{scheme}:{over.id}",)))

    async def test_on_the_start_of_one_that_never_did(self, jobs: JobsPort) -> None:
        held = await jobs.submit(new("true", urgency=0))
        await jobs.cancel(held.id)
        await ended(jobs, held)
        with pytest.raises(Invalid, match="never started"):
            await jobs.submit(new("true", dependencies=(f"after:{held.id}",)))

    async def test_what_is_shown_of_them(self, jobs: JobsPort) -> None:
        first = await running(jobs, new(*SLEEP))
        second = await jobs.submit(new("true", dependencies=(f"afterany:{first.id}",)))
        assert list((await jobs.job(second.id)).attributes["dependencies"]) == [f"after-finish={ids.f58(first.id)}"]
        await jobs.cancel(first.id)
        assert list((await ended(jobs, second)).attributes["dependencies"]) == []
