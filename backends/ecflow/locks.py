"""Changes of structure, one at a time: of two that read, edit and replace at once, one would be lost."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from opsgate.backends.errors import Unavailable

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

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Hold the lock.

        Raises:
            Unavailable: Others held it for too long.
        """
        until = time.monotonic() + self._patience
        try:
            async with asyncio.timeout(self._patience):
                await self._own.acquire()
        except TimeoutError as error:
            raise self._busy() from error
        try:
            descriptor = await self._others(until)
            try:
                yield
            finally:
                if descriptor is not None:
                    os.close(descriptor)
        finally:
            self._own.release()

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
