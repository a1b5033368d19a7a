"""Services that several modules ask, because each takes seconds to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.redengine import Redengine


@pytest.fixture(scope="session")
def redengine_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redengine]:
    """``opsgate redengine`` with any number of runs at once: tests leave its session empty."""
    with Redengine(tmp_path_factory.mktemp("redengine"), {"OPSGATE_JOBS_CORES": "-1"}) as running:
        yield running
