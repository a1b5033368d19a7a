"""The backend of the Red Engine API: what its handlers need, and what the frame needs of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opsgate.backends.errors import Unavailable
from opsgate.backends.redengine import measures
from opsgate.backends.redengine.control import Control
from opsgate.backends.redengine.runs import Runs
from opsgate.backends.redengine.session import Session
from opsgate.backends.redengine.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opsgate.backends.calls import Calls
    from opsgate.backends.jobs.engine import OpenEngine
    from opsgate.backends.measures import Measure
    from opsgate.backends.redengine.options import Options


class RedengineBackend(Control, Session, Runs):
    """Tasks, their session and their log. Nothing is opened before it is used; the scheduler is a process of its own.

    Args:
        engine: The job engine.
        options: The operator's choices.
    """

    def __init__(self, engine: OpenEngine, options: Options) -> None:
        store = Store(options.root)
        Control.__init__(self, store, engine, options)

    async def ready(self) -> dict[str, Any]:
        """Describe the scheduler.

        Raises:
            Unavailable: There is none.
        """
        said = await self.scheduler()
        if not said["alive"]:
            raise Unavailable("No scheduler runs; what is asked for is stored, and done once one does", retry_after=1)
        return {"name": "scheduler", "state": f"{said['running']} running, {said['waiting']} waiting", **said}

    @property
    def calls(self) -> Sequence[Calls]:
        """The changes of both stores: of tasks, and of the runs' jobs."""
        return [self._store.calls, *self._engine.calls]

    async def measures(self) -> Sequence[Measure]:
        """Tell how old the scheduler's last sign of life is, and how many tasks and runs there are."""
        return measures.of_scheduler(await self.scheduler())

    async def aclose(self) -> None:
        """Let go of the stores; runs go on."""
        await self._store.aclose()
        await self._engine.aclose()
