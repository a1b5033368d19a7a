"""Tasks that were deleted: everybody who knew them hears of it, however late; what tells of them does not pile up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from opsgate.backends.redengine import changes
from opsgate.backends.redengine.backend import RedengineBackend
from opsgate.backends.redengine.memory import Memory
from opsgate.backends.redengine.store import Store
from tests.backends.redengine.support import Place

pytestmark = pytest.mark.anyio


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    """Another process' view of the same state."""
    made = Store(place.options.root)
    yield made
    await made.aclose()


async def delete(place: Place, *names: str) -> None:
    """As another worker does it."""
    other = RedengineBackend(place.engine, place.options)
    for name in names:
        await other.delete(name)
    await other.aclose()


async def told_of(store: Store) -> int:
    """How many deleted tasks the store tells of."""
    return int((await store()).reader.db.execute("SELECT count(*) FROM gone").fetchone()[0])


@pytest.mark.parametrize("keep", [1, 2, 100])
async def test_who_looks_late_misses_none(place: Place, store: Store, keep: int) -> None:
    names = [f"t{number}" for number in range(6)]
    await asyncio.gather(*(place.backend.create(name, {"command": ["true"]}) for name in names))
    memory = Memory((await store()).reader.db, 0)
    memory.refresh()
    assert sorted(await place.names()) == names
    await delete(place, *names[:4])
    await store.do(lambda db: changes.forget_gone(db, keep))
    assert await told_of(store) == min(keep, 4)
    memory.refresh()
    assert sorted(await place.names()) == names[4:]
    assert sorted(known.row["name"] for known in memory.tasks.values()) == names[4:]
    await delete(place, "t4")
    memory.refresh()
    assert await place.names() == ["t5"]
    assert [known.row["name"] for known in memory.tasks.values()] == ["t5"]


async def test_none_are_forgotten_where_there_are_none(place: Place, store: Store) -> None:
    await place.backend.create("a", {"command": ["true"]})
    await store.do(changes.forget_gone)
    assert await told_of(store) == 0
    assert await place.names() == ["a"]
