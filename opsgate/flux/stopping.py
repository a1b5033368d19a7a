"""The end of the service, asked for by a request: the answer first, then the engine, then the master process."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Final

from opsgate.backends.errors import Denied, EngineError
from opsgate.backends.flux.port import ServicePort

log = logging.getLogger("opsgate.flux")

_PAUSE: Final = 0.5
"""Seconds for the answer to get through."""
_PATIENCE: Final = 15.0
"""Seconds that the engine may take; then the service ends all the same."""


class Stopping:
    """Made in the master process, before the workers are forked: that is the one to end.

    Args:
        engine: What ends first.
        allowed: Whether a request may do this at all.
    """

    def __init__(self, engine: ServicePort, *, allowed: bool) -> None:
        self._engine = engine
        self._allowed = allowed
        self._master = os.getpid()
        self._ending: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Begin with it.

        Raises:
            Denied: It is not allowed.
        """
        if not self._allowed:
            raise Denied("This service cannot be stopped by a request, see [flux] stop")
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())

    async def _end(self) -> None:
        log.info("stopping, as a request asked for")
        await asyncio.sleep(_PAUSE)
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._engine.stop()
        except (EngineError, TimeoutError) as exc:
            log.warning("the engine could not be stopped: %s", exc or "it takes too long")
        finally:
            os.kill(self._master, signal.SIGTERM)
