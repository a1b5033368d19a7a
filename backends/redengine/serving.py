"""Running a scheduler as a process: `python -m opsgate.backends.redengine.serving --state-dir DIR --jobs-dir DIR`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from opsgate.backends.errors import Conflict, EngineError
from opsgate.backends.jobs import locks
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.redengine.options import Options
from opsgate.backends.redengine.scheduler import Scheduler
from opsgate.backends.redengine.store import Store
from opsgate.backends.redengine.tasks import API

if TYPE_CHECKING:
    from opsgate.backends.calls import Calls
    from opsgate.backends.jobs.engine import OpenEngine

_SECONDS_BETWEEN_TRIES: Final = 0.5


async def serve(
    engine: OpenEngine, options: Options, *, standby: bool = False, ready: Callable[[], None] | None = None
) -> None:
    """Schedule until SIGTERM or SIGINT; runs go on, and the next scheduler finds them.

    Args:
        engine: The job engine, which this closes at the end.
        options: The operator's choices, the same as the gateway's.
        standby: Whether to wait while another one works in this state directory.
        ready: Called once this one acts.

    Raises:
        Conflict: Another one works in this state directory.
        Unavailable, Unsupported: A store cannot be opened.
    """
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    store = Store(options.root)
    try:
        opened = await store()
        lock = await _lock(store.state.scheduler, told, standby=standby)
        if lock is not None:
            await _act(Scheduler(store, opened, lock, await engine(), options), told, ready)
    finally:
        await store.aclose()
        await engine.aclose()


async def _lock(path: str, told: asyncio.Event, *, standby: bool) -> int | None:
    """The lock's descriptor; None if we were told to end before we got it."""
    while (lock := locks.hold(path)) is None:
        if not standby:
            raise Conflict(f"Another scheduler holds {path}")
        with suppress(TimeoutError):
            await asyncio.wait_for(told.wait(), _SECONDS_BETWEEN_TRIES)
        if told.is_set():
            return None
    return lock


async def _act(scheduler: Scheduler, told: asyncio.Event, ready: Callable[[], None] | None) -> None:
    acting = asyncio.get_running_loop().create_task(scheduler.run())
    stopping = asyncio.get_running_loop().create_task(told.wait())
    try:
        gc.freeze()
        if ready is not None:
            ready()
        await asyncio.wait((acting, stopping), return_when=asyncio.FIRST_COMPLETED)
        scheduler.stop()
        await acting
    finally:
        stopping.cancel()
        await scheduler.close()


class _Own:
    """A job engine of this process alone; nobody asks what it counts."""

    calls: Sequence[Calls] = ()

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._engine: Engine | None = None

    async def __call__(self) -> Engine:
        if self._engine is None:
            self._engine = await Engine.open(self._settings)
        return self._engine

    async def aclose(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.close()


def main(arguments: list[str] | None = None) -> int:
    """Run a scheduler with the default options; return an exit code."""
    parser = argparse.ArgumentParser(prog="python -m opsgate.backends.redengine.serving", description=main.__doc__)
    parser.add_argument("--state-dir", type=Path, required=True, help="where redengine.db lies")
    parser.add_argument("--jobs-dir", type=Path, required=True, help="the job engine's state directory")
    parser.add_argument("--cores", type=int, default=8, help="how many runs at once; 0 for any number")
    parser.add_argument("--grace", type=float, default=5.0, help="seconds between SIGTERM and SIGKILL")
    parser.add_argument("--standby", action="store_true", help="wait while another scheduler works there")
    chosen = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
    engine = _Own(Settings(root=chosen.jobs_dir, queues={API: chosen.cores}))
    options = Options(root=chosen.state_dir, grace=chosen.grace)
    try:
        asyncio.run(serve(engine, options, standby=chosen.standby, ready=_say_ready))
    except EngineError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _say_ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
