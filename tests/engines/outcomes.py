"""Failures as values, to be compared whole, and waiting for what must come."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from opsgate.backends.errors import EngineError


async def failure(call: Awaitable[object]) -> tuple[type[EngineError], str, int | None]:
    """Await a call that must fail and return the meaning, message and code of its failure."""
    with pytest.raises(EngineError) as caught:
        await call
    return type(caught.value), caught.value.message, caught.value.code


async def until(ask: Callable[[], Awaitable[object]], expected: object, seconds: float = 60) -> None:
    """Ask again and again until the answer is the expected one."""
    async with asyncio.timeout(seconds):
        while await ask() != expected:  # noqa: ASYNC110 - the engine sends no events that one could wait for
            await asyncio.sleep(0.02)
