"""A daemon whose synchronization is ended by hand, restarted and shut down through Supvisors."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsgate.backends.errors import Conflict, EngineError, NotFound, Unavailable
from opsgate.backends.supvisors.engine import connect
from opsgate.backends.supvisors.port import SupvisorsBackend
from tests.engines.outcomes import failure, until
from tests.engines.supervisord import PROGRAMS, Supervisord

pytestmark = pytest.mark.anyio


@pytest.fixture
async def waiting(tmp_path: Path) -> AsyncIterator[tuple[Supervisord, SupvisorsBackend]]:
    """A daemon in state SYNCHRONIZATION, which waits for its user."""
    daemon = Supervisord(tmp_path, supvisors={"synchro_options": "USER"}, programs=PROGRAMS / "few.conf", psutil=False)
    backend = connect(daemon.url)
    try:
        await asyncio.to_thread(daemon.start)
        await until(lambda: place(backend), ("SYNCHRONIZATION", "RUNNING"))
        yield daemon, backend
    finally:
        await backend.aclose()
        daemon.kill()


async def place(backend: SupvisorsBackend) -> object:
    """States of Supvisors and of its only instance, or what else is told."""
    try:
        state = await backend.supvisors.get_supvisors_state()
    except EngineError as error:
        return type(error)
    return state["fsm_statename"], *state["instance_states"].values()


async def test_lifecycle(waiting: tuple[Supervisord, SupvisorsBackend]) -> None:
    daemon, backend = waiting
    supvisors = backend.supvisors
    with pytest.raises(Unavailable, match="Supvisors is in state SYNCHRONIZATION"):
        await backend.ready()
    message = "BAD_SUPVISORS_STATE: invalid Supvisors state=SYNCHRONIZATION - state expected in ['OPERATION']"
    assert await failure(supvisors.restart_sequence()) == (Conflict, message, 101)
    unknown = (NotFound, "BAD_NAME: unknown Supvisors identifier=x", 10)
    assert await failure(supvisors.end_sync_with_master("x")) == unknown
    assert await supvisors.end_sync_with_master("supv-01") is True
    await until(lambda: place(backend), ("OPERATION", "RUNNING"))

    starts = daemon.log.count("supervisord started")
    assert await supvisors.restart() is True
    await until(lambda: place(backend), ("SYNCHRONIZATION", "RUNNING"))
    assert daemon.log.count("supervisord started") == starts + 1
    assert await supvisors.end_sync() is True
    await until(lambda: place(backend), ("OPERATION", "RUNNING"))

    assert await supvisors.shutdown() is True
    await asyncio.to_thread(daemon.wait_for_end)
    assert (await failure(backend.ready()))[0] is Unavailable
