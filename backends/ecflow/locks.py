"""Changes of structure, one at a time and apart from all others.

A node is rewritten by reading, editing and replacing it: whatever is changed in between, by another rewriting or by a
plain command, would be lost. So rewriting is for one alone, while commands go side by side. Whoever wants to be alone
closes the gate, which others only pass through: else one command after the other would keep it waiting.

Each may take as long as the server is given to answer. So that many of them do not wait for one that is away one
after the other, those who waited meanwhile are told so with the first.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from opsgate.backends.errors import Away, Timeout, Unavailable

_GATE = "gate"
_FILE = "structure"
_STEP = 0.02
"""Seconds between two looks whether another worker has let go."""


class StructureLock:
    """Held by one caller of one worker while a structure is changed, or shared by those who leave it as it is.

    Args:
        directory: What the workers share; without it, others are not waited for.
        patience: Seconds after which waiting ends with `Unavailable`.
    """

    def __init__(self, directory: Path | None, patience: float) -> None:
        self._directory = directory
        self._patience = patience
        self._own = asyncio.Lock()
        self._sharing = 0
        self._unshared = asyncio.Event()
        self._unshared.set()
        self._failed = 0.0
        self._failure: type[Away | Timeout] = Away

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Be alone.

        Raises:
            Unavailable: Others held or shared it for too long.
            Away: The server went away while others held it.
            Timeout: It did not answer while others held it.
        """
        async with AsyncExitStack() as stack:
            until = await self._turn(stack)
            await self._until(self._unshared.wait(), until)
            await self._locked(stack, _GATE, fcntl.LOCK_EX, until)
            await self._locked(stack, _FILE, fcntl.LOCK_EX, until)
            try:
                yield
            except (Away, Timeout) as error:
                self._failed, self._failure = time.monotonic(), type(error)
                raise

    @asynccontextmanager
    async def shared(self) -> AsyncIterator[None]:
        """Keep out those who would be alone; raises what `held` does."""
        async with AsyncExitStack() as stack:
            async with AsyncExitStack() as passing:
                until = await self._turn(passing)
                await self._locked(passing, _GATE, fcntl.LOCK_SH, until)
                await self._locked(stack, _FILE, fcntl.LOCK_SH, until)
                self._share(1)
            stack.callback(self._share, -1)
            yield

    async def _turn(self, stack: AsyncExitStack) -> float:
        """Wait for those of this worker who came before, and return until when others are waited for."""
        begun = time.monotonic()
        until = begun + self._patience
        await self._until(self._own.acquire(), until)
        stack.callback(self._own.release)
        if self._failed > begun:
            how = "went away" if self._failure is Away else "did not answer"
            raise self._failure(f"ecflow_server {how} while others changed the suites: nothing was sent", retry_after=2)
        return until

    async def _until(self, coming: Coroutine[Any, Any, Any], until: float) -> None:
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await coming
        except TimeoutError as error:
            raise self._busy() from error

    async def _locked(self, stack: AsyncExitStack, name: str, how: int, until: float) -> None:
        """Lock one of the files that the workers share until the stack is left."""
        if self._directory is None:
            return
        descriptor = os.open(self._directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        stack.callback(os.close, descriptor)
        while not _lock(descriptor, how):
            if time.monotonic() > until:
                raise self._busy()
            await asyncio.sleep(_STEP)

    def _share(self, more: int) -> None:
        self._sharing += more
        if self._sharing:
            self._unshared.clear()
        else:
            self._unshared.set()

    def _busy(self) -> Unavailable:
        return Unavailable(f"others have been changing the suites for {self._patience:g} s", retry_after=1)


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
