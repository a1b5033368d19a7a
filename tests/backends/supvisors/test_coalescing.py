import asyncio

import pytest

from opsgate.backends.errors import NotFound, Unavailable
from opsgate.backends.supvisors.coalescing import Coalescing

pytestmark = pytest.mark.anyio


class Engine:
    """Answers with the number of the call, when it is let."""

    def __init__(self) -> None:
        self.calls = 0
        self.asked = asyncio.Event()
        self.gate = asyncio.Event()
        self.error: Exception | None = None

    async def ask(self) -> int:
        self.calls += 1
        self.asked.set()
        number = self.calls
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return number


class TestCall:
    async def test_those_who_come_together_are_served_together(self) -> None:
        engine, reads = Engine(), Coalescing()
        engine.gate.set()
        assert await asyncio.gather(*(reads.call("a", engine.ask) for _ in range(50))) == [1] * 50

    async def test_who_comes_later_gets_an_answer_to_a_later_call(self) -> None:
        engine, reads = Engine(), Coalescing()
        first = asyncio.ensure_future(reads.call("a", engine.ask))
        await engine.asked.wait()
        later = [asyncio.ensure_future(reads.call("a", engine.ask)) for _ in range(50)]
        engine.gate.set()
        assert await first == 1
        assert await asyncio.gather(*later) == [2] * 50
        assert await reads.call("a", engine.ask) == 3

    async def test_different_questions_do_not_wait_for_each_other(self) -> None:
        slow, quick, reads = Engine(), Engine(), Coalescing()
        quick.gate.set()
        waiting = asyncio.ensure_future(reads.call("slow", slow.ask))
        assert await reads.call("quick", quick.ask) == 1
        slow.gate.set()
        assert await waiting == 1

    async def test_who_leaves_takes_nobody_along(self) -> None:
        engine, reads = Engine(), Coalescing()
        both = [asyncio.ensure_future(reads.call("a", engine.ask)) for _ in range(2)]
        await engine.asked.wait()
        both[0].cancel()
        engine.gate.set()
        assert await both[1] == 1
        assert both[0].cancelled()

    async def test_when_all_have_left_the_next_one_is_served(self) -> None:
        engine, reads = Engine(), Coalescing()
        left = asyncio.ensure_future(reads.call("a", engine.ask))
        await engine.asked.wait()
        left.cancel()
        following = asyncio.ensure_future(reads.call("a", engine.ask))
        engine.gate.set()
        assert await following == 2

    async def test_a_failure_reaches_each_as_its_own(self) -> None:
        engine, reads = Engine(), Coalescing()
        engine.error = NotFound("no such thing", code=10, details={"a": 1}, retry_after=3)
        engine.gate.set()
        errors = await asyncio.gather(*(reads.call("a", engine.ask) for _ in range(3)), return_exceptions=True)
        assert engine.calls == 1
        assert len({id(error) for error in errors}) == 3
        for error in errors:
            assert isinstance(error, NotFound)
            assert (error.message, error.code, error.details, error.retry_after) == ("no such thing", 10, {"a": 1}, 3)
            assert error.__cause__ is engine.error


class TestClose:
    async def test_nobody_is_left_waiting(self) -> None:
        engine, reads = Engine(), Coalescing()
        calls = [asyncio.ensure_future(reads.call("a", engine.ask))]
        await engine.asked.wait()
        calls.append(asyncio.ensure_future(reads.call("a", engine.ask)))  # waits for the next one
        calls.append(asyncio.ensure_future(reads.call("b", engine.ask)))  # has not begun
        await asyncio.sleep(0)
        await reads.aclose()
        for outcome in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(outcome, Unavailable)
