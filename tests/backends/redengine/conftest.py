"""A place for each test; nothing of it is left running."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backends.redengine.support import Place


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Without a scheduler."""
    made = Place(tmp_path, shell=True)  # noqa: S604 - an option of tasks
    yield made
    await made.close()


@pytest.fixture
async def scheduled(place: Place) -> Place:
    """With one."""
    await place.schedule()
    return place
