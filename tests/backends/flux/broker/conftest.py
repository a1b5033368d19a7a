"""Flux instances for tests of the Flux engine alone. Where there is no Flux they are not collected."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from opsgate.backends.flux.broker.backend import BrokerBackend
from opsgate.backends.flux.broker.connection import Connection
from tests.backends.flux.engines import SHARED, flux
from tests.engines import flux_instance
from tests.engines.flux_instance import FluxInstance

_WITHOUT = flux_instance.missing()
_NEED_NONE = ("test_faults.py",)
_NEEDING = sorted(file.name for file in Path(__file__).parent.glob("test_*.py") if file.name not in _NEED_NONE)
collect_ignore = [] if _WITHOUT is None else _NEEDING

Open = Callable[[], Awaitable[BrokerBackend]]


@pytest.fixture
def shared() -> FluxInstance:
    """The instance that all tests of the suite share."""
    return SHARED()


@pytest.fixture
async def open_backend(shared: FluxInstance, tmp_path: Path) -> AsyncIterator[Open]:
    """Open backends, as so many workers have them; no job of theirs is left."""
    opened: list[BrokerBackend] = []

    async def open_one() -> BrokerBackend:
        opened.append(BrokerBackend(Connection(shared.uri)))
        return opened[-1]

    async with flux(tmp_path):
        yield open_one
        for backend in opened:
            await backend.aclose()


@pytest.fixture
def instance() -> Iterator[FluxInstance]:
    """An instance of this test's own, started; two of its four cores are no real ones."""
    directory = Path(tempfile.mkdtemp(prefix="flux-"))
    own = FluxInstance(directory / "run", cores=4)
    own.start()
    yield own
    own.stop()
    shutil.rmtree(directory, ignore_errors=True)
