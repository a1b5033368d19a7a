"""One suite for all engines: what takes `backend` runs once against each that can be reached.

What does not run for want of an engine is not collected, and the summary of all tests says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from opsgate.backends.flux.port import FluxBackend, JobsPort
from tests.backends.flux.engines import SHARED, reachable


@pytest.fixture(params=list(reachable()))
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FluxBackend]:
    """A backend of each engine."""
    async with reachable()[request.param](tmp_path) as opened:
        yield opened


@pytest.fixture
def jobs(backend: FluxBackend) -> JobsPort:
    """Its jobs."""
    return backend.jobs


def pytest_sessionfinish() -> None:
    """End the Flux instance of the suite."""
    SHARED.stop()
