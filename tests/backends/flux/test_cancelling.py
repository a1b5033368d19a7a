"""Cancelling, in every state a job can be in; how each then ends is told in `test_results`."""

from __future__ import annotations

import asyncio

import pytest

from opsgate.backends.errors import Conflict, NotFound
from opsgate.backends.flux.port import FluxBackend, JobsPort
from tests.backends.flux.support import SLEEP, ended, new, printed, run, running, shell

pytestmark = pytest.mark.anyio


class TestStates:
    async def test_just_submitted(self, jobs: JobsPort) -> None:
        record = await jobs.submit(new(*SLEEP))
        await jobs.cancel(record.id)
        assert (await ended(jobs, record)).flattened()["result"] == "CANCELED"

    async def test_waiting_for_another(self, jobs: JobsPort) -> None:
        first = await running(jobs, new(*SLEEP))
        second = await jobs.submit(new("true", dependencies=(f"afterany:{first.id}",)))
        await jobs.cancel(second.id)
        assert (await ended(jobs, second)).returncode == -128
        await jobs.cancel(first.id)

    async def test_held(self, jobs: JobsPort) -> None:
        record = await jobs.submit(new("true", urgency=0))
        await jobs.cancel(record.id)
        assert (await ended(jobs, record)).returncode == -128

    async def test_twice_while_it_ends(self, jobs: JobsPort) -> None:
        record = await jobs.submit(shell('trap "" TERM; echo ready; sleep 600; sleep 600'))
        await printed(jobs, record, "ready")
        await jobs.cancel(record.id)
        await jobs.cancel(record.id)
        assert (await ended(jobs, record)).flattened()["result"] == "CANCELED"

    async def test_over(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("true"))
        with pytest.raises(Conflict) as caught:
            await jobs.cancel(over.id)
        assert caught.value.message == "Job cannot be cancelled: job is inactive."
        assert (await jobs.job(over.id)).raw == over.raw

    async def test_never_there(self, jobs: JobsPort) -> None:
        for number in (0, 12345, 2**64 - 1):
            with pytest.raises(NotFound) as caught:
                await jobs.cancel(number)
            assert caught.value.message == "Job cannot be cancelled: unknown job id."


class TestProcesses:
    async def test_all_of_all_tasks_end(self, backend: FluxBackend) -> None:
        jobs = backend.jobs
        detached = "setsid" if backend.engine == "local" else ""  # Flux ends the process group of each task
        script = f"{detached} sleep 600 & echo pid $!; sleep 600 & echo pid $!; wait"
        record = await jobs.submit(shell(script, num_tasks=2))
        text = ""
        async with asyncio.timeout(60):
            async for piece in jobs.follow(record.id):
                text += piece
                if text.count("pid") == 4 and text.endswith("\n"):
                    break
        await jobs.cancel(record.id)
        await ended(jobs, record)
        assert (await jobs.output(record.id)) == text.splitlines(keepends=True)


class TestManyAtOnce:
    async def test_while_they_start(self, backend: FluxBackend) -> None:
        jobs = backend.jobs
        records = [await jobs.submit(new(*SLEEP)) for _ in range(12)]
        await asyncio.gather(*(jobs.cancel(record.id) for record in records))
        results = {(await ended(jobs, record)).flattened()["result"] for record in records}
        assert results == {"CANCELED"}
