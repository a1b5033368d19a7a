"""What several suites share: the event loop of asynchronous tests, and one real supervisord."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import rocketry
from tests.engines.supervisord import Supervisord, running, single


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def supervisord(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisord]:
    """A supervisord with Supvisors, in state OPERATION: tests leave its processes as they found them."""
    daemon = single(tmp_path_factory.mktemp("s"))
    with running(daemon):
        yield daemon


@pytest.fixture(scope="session")
def rocketry_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has rocketry."""
    return rocketry.install(tmp_path_factory.mktemp("rocketry"))
