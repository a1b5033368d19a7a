"""Changes of structure, one at a time: of two that read, edit and replace at once, one would be lost.

Each may take as long as the server is given to answer. So that many of them do not wait for one that is away one
after the other, those who waited meanwhile are told so with the first.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from opsgate.backends.errors import Away, Timeout, Unavailable

_FILE = "structure"
_STEP = 0.02
"""Seconds between two looks whether another worker has let go."""


class StructureLock:
    """Held while a structure is changed, by one caller of one worker.

    Args:
        directory: What the workers share; without it, others are not waited for.
        patience: Seconds after which waiting ends with `Unavailable`.
    """

    def __init__(self, directory: Path | None, patience: float) -> None:
        self._path = None if directory is None else directory / _FILE
        self._patience = patience
        self._own = asyncio.Lock()
        self._failed = 0.0
        self._failure: type[Away | Timeout] = Away

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the lock.

        Raises:
            Unavailable: Others held it for too long.
            Away: The server went away while others held it.
            Timeout: It did not answer while others held it.
        """
        begun = time.monotonic()
        until = begun + self._patience
        try:
            async with asyncio.timeout(self._patience):
                await self._own.acquire()
        except TimeoutError as error:
            raise self._busy() from error
        try:
            self._refuse_hopeless(begun)
            descriptor = await self._others(until)
            try:
                yield
            except (Away, Timeout) as error:
                self._failed, self._failure = time.monotonic(), type(error)
                raise
            finally:
                if descriptor is not None:
                    os.close(descriptor)
        finally:
            self._own.release()

    def _refuse_hopeless(self, begun: float) -> None:
        if self._failed > begun:
            how = "went away" if self._failure is Away else "did not answer"
            raise self._failure(f"ecflow_server {how} while others changed the suites: nothing was sent", retry_after=2)

    async def _others(self, until: float) -> int | None:
        """Keep other workers out until the returned descriptor is closed."""
        if self._path is None:
            return None
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            await self._locked(descriptor, until)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    async def _locked(self, descriptor: int, until: float) -> None:
        while not _lock(descriptor):
            if time.monotonic() > until:
                raise self._busy()
            await asyncio.sleep(_STEP)

    def _busy(self) -> Unavailable:
        return Unavailable(f"others have been changing the suites for {self._patience:g} s", retry_after=1)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
