"""What several suites share: how they are spread over processes, the event loop, and one real supervisord."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer

from tests import distribution
from tests.engines import flux_instance, rocketry
from tests.engines.supervisord import Supervisord, running, single


def pytest_xdist_auto_num_workers() -> int:
    """One process more than processors: a good part of the time is spent waiting for engines."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> distribution.ByFile:
    """What is in one file runs in one process."""
    return distribution.ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse tests of the same name: spread over processes, only one of them would run."""
    same = [name for name, times in Counter(item.nodeid for item in items).items() if times > 1]
    if same:
        raise pytest.UsageError(f"more than one test is called {same[0]}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was not tried for want of an engine: what is missing here is not collected."""
    tried = [report.nodeid for report in terminalreporter.getreports("passed")]
    why = flux_instance.missing()
    if why is not None and any("/flux/" in name or "test_flux" in name for name in tried):
        terminalreporter.write_line(f"Nothing was run against a real Flux: {why}", yellow=True)


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
