"""An engine for each test, on a state directory of its own; nothing of it is left running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Query
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from tests.backends.jobs.support import Open

_ON_THEIR_WAY = Query(states=(State.QUEUED, State.STARTING, State.RUNNING))
_APIS = ("hoplite", "flux", "redengine")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A state directory to be made."""
    return tmp_path / "state"


@pytest.fixture
async def open_engine(root: Path) -> AsyncIterator[Open]:
    """Open engines that end with the test, and with them all their jobs."""
    opened: list[Engine] = []

    async def open_one(settings: Settings) -> Engine:
        opened.append(await Engine.open(settings))
        return opened[-1]

    yield open_one
    if opened:
        opened.append(await Engine.open(Settings(root, cores=0)))
        await _end_all(opened[-1])
    for engine in opened:
        await engine.close()


@pytest.fixture
async def engine(root: Path, open_engine: Open) -> Engine:
    """An engine with cores enough for whatever a test does."""
    return await open_engine(Settings(root, cores=100))


async def _end_all(engine: Engine) -> None:
    for api in _APIS:
        for job in await engine.jobs(api, _ON_THEIR_WAY):
            await engine.kill(api, job.id, grace=0)
            await engine.wait(api, job.id, 30)
