"""One ecflow_server for all tests that do not harm it, each with suites of its own names."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.port import EcflowBackend, User
from tests.engines.ecflow_server import EcflowServer

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EcflowServer]:
    started = EcflowServer(tmp_path_factory.mktemp("ecflow"))
    started.start()
    yield started
    started.terminate()


@pytest.fixture
async def backend(server: EcflowServer) -> AsyncIterator[EcflowBackend]:
    patient = Limits(connect=10)  # a lost packet is sent again after one second, and after three
    made = connect(Address("127.0.0.1", server.port), user=User("tester"), limits=patient)
    yield made
    await made.aclose()


@pytest.fixture
def suite(server: EcflowServer) -> Iterator[str]:
    """A suite with a family and two tasks; its name, which no other test has."""
    name = f"s{next(_numbers)}"
    server.load(f"suite {name}\n{server.variables}  family f\n    task t\n    task u\n  endfamily\nendsuite\n")
    yield name
    server.delete(f"/{name}")
