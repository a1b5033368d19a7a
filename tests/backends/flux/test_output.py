"""What a job wrote: while it runs and after, as lines and as a stream."""

from __future__ import annotations

import asyncio

import pytest

from opsgate.backends.errors import NotFound
from opsgate.backends.flux.port import FluxBackend, JobsPort
from opsgate.backends.flux.record import Record
from tests.backends.flux.support import SECONDS, SLEEP, new, printed, run, running, shell

pytestmark = pytest.mark.anyio


async def followed(jobs: JobsPort, record: Record) -> str:
    """Return all a job writes until it is over."""
    async with asyncio.timeout(SECONDS):
        return "".join([piece async for piece in jobs.follow(record.id)])


class TestLines:
    async def test_both_streams_in_order_of_arrival(self, jobs: JobsPort) -> None:
        script = "echo 1; sleep 0.1; echo 2 >&2; sleep 0.1; echo 3; sleep 0.1; echo 4 >&2"
        record = await run(jobs, shell(script))
        assert await jobs.output(record.id) == ["1\n", "2\n", "3\n", "4\n"]

    async def test_the_last_may_lack_its_newline(self, jobs: JobsPort) -> None:
        record = await run(jobs, new("printf", r"a\n\nb"))
        assert await jobs.output(record.id) == ["a\n", "\n", "b"]

    async def test_none(self, jobs: JobsPort) -> None:
        record = await run(jobs, new("true"))
        assert await jobs.output(record.id) == []

    async def test_what_is_no_utf_8(self, jobs: JobsPort) -> None:
        record = await run(jobs, new("printf", r"a\377b\n"))
        assert await jobs.output(record.id) == ["a\N{REPLACEMENT CHARACTER}b\n"]

    async def test_other_line_ends_are_part_of_a_line(self, jobs: JobsPort) -> None:
        record = await run(jobs, new("printf", r"a\rb\014c\302\205d\n"))
        assert await jobs.output(record.id) == ["a\rb\x0cc\x85d\n"]

    async def test_while_it_runs(self, jobs: JobsPort) -> None:
        record = await jobs.submit(shell("echo so far; exec sleep 600"))
        await printed(jobs, record, "so far\n")
        assert await jobs.output(record.id) == ["so far\n"]
        assert (await jobs.job(record.id)).is_running

    async def test_before_it_runs(self, jobs: JobsPort) -> None:
        record = await jobs.submit(new("true", urgency=0))
        assert await jobs.output(record.id) is None

    async def test_of_one_that_never_ran(self, jobs: JobsPort) -> None:
        record = await run(jobs, new("true", cores_per_task=10_000))
        assert await jobs.output(record.id) is None

    async def test_unknown(self, jobs: JobsPort) -> None:
        with pytest.raises(NotFound, match="unknown job id"):
            await jobs.output(12345)

    async def test_a_lot(self, jobs: JobsPort) -> None:
        record = await run(jobs, new("seq", "100000"))
        assert await jobs.output(record.id) == [f"{number}\n" for number in range(1, 100_001)]


class TestStream:
    async def test_as_it_comes_until_the_end(self, jobs: JobsPort) -> None:
        record = await jobs.submit(shell("echo one; sleep 0.1; echo two >&2; sleep 0.1; printf three"))
        assert await followed(jobs, record) == "one\ntwo\nthree"

    async def test_from_before_it_runs(self, backend: FluxBackend) -> None:
        jobs, cores = backend.jobs, (await backend.nodes.resources()).cores
        blocking = await running(jobs, new(*SLEEP, cores_per_task=cores))
        record = await jobs.submit(new("echo", "late"))
        following = asyncio.create_task(followed(jobs, record))
        await jobs.cancel(blocking.id)
        assert await following == "late\n"

    async def test_of_one_that_is_over(self, jobs: JobsPort) -> None:
        record = await run(jobs, new("echo", "over"))
        assert await followed(jobs, record) == "over\n"

    async def test_of_one_that_never_runs(self, jobs: JobsPort) -> None:
        record = await jobs.submit(new("true", urgency=0))
        following = asyncio.create_task(followed(jobs, record))
        await asyncio.sleep(0)
        await jobs.cancel(record.id)
        assert await following == ""

    async def test_characters_are_whole(self, jobs: JobsPort) -> None:
        script = r"printf 'a\342\230'; sleep 0.2; printf '\203b\303'"
        record = await jobs.submit(shell(script))
        assert await followed(jobs, record) == "a\N{SNOWMAN}b\N{REPLACEMENT CHARACTER}"

    async def test_unknown(self, jobs: JobsPort) -> None:
        with pytest.raises(NotFound, match="unknown job id"):
            await anext(jobs.follow(12345))
