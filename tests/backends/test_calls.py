"""What is counted of a call, whatever becomes of it."""

import asyncio

import pytest

from opsgate.backends.calls import Calls
from opsgate.backends.errors import Away, Broken, EngineError, NotFound, Timeout, Unavailable

pytestmark = pytest.mark.anyio


async def give(outcome: int | Exception) -> int:
    await asyncio.sleep(0.001)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def numbers(calls: Calls) -> dict[str, list[float]]:
    """Calls and failures; all of them took some time."""
    assert all(tally[2] > 0 for tally in calls.tallies.values())
    return {name: tally[:2] for name, tally in calls.tallies.items()}


class TestCounted:
    async def test_answers(self) -> None:
        calls = Calls("x")
        assert [await calls.counted(name, give(number)) for name, number in (("a", 1), ("b", 2), ("a", 3))] == [1, 2, 3]
        assert numbers(calls) == {"a": [2, 0], "b": [1, 0]}

    @pytest.mark.parametrize("failure", [Away("x"), Unavailable("x"), Timeout("x"), Broken("x")], ids=repr)
    async def test_the_engines_failures(self, failure: EngineError) -> None:
        calls = Calls("x")
        with pytest.raises(type(failure)):
            await calls.counted("a", give(failure))
        assert numbers(calls) == {"a": [1, 1]}

    async def test_a_refusal_is_an_answer(self) -> None:
        calls = Calls("x")
        with pytest.raises(NotFound):
            await calls.counted("a", give(NotFound("x")))
        assert numbers(calls) == {"a": [1, 0]}

    async def test_a_caller_that_goes(self) -> None:
        calls = Calls("x")
        going = asyncio.create_task(_endless(calls))
        await asyncio.sleep(0.001)
        going.cancel()
        await asyncio.wait({going})
        assert numbers(calls) == {"a": [1, 0]}

    async def test_seconds(self) -> None:
        calls = Calls("x")
        await asyncio.gather(*(calls.counted("a", asyncio.sleep(0.05)) for _ in range(2)))
        assert calls.tallies["a"][2] >= 0.1


async def _endless(calls: Calls) -> None:
    await calls.counted("a", asyncio.Event().wait())
