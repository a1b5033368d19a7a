"""Waiting for what no event tells of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from tests.backends.flux.support import SECONDS


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(SECONDS):
        while not await condition():  # noqa: ASYNC110 - nothing sets an event
            await asyncio.sleep(0.01)
