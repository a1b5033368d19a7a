"""Daemons, and backends connected with them."""

from collections.abc import AsyncIterator, Iterator

import pytest

from opsgate.backends.supvisors.engine import connect
from opsgate.backends.supvisors.port import SupvisorsBackend
from tests.engines.supervisord import PROGRAMS, Supervisord, running


@pytest.fixture
async def backend(supervisord: Supervisord) -> AsyncIterator[SupvisorsBackend]:
    """The daemon that all tests share, over its socket file."""
    connected = connect(supervisord.url)
    yield connected
    await connected.aclose()


@pytest.fixture
def movies(supervisord: Supervisord) -> Iterator[None]:
    """The converters are stopped and have no extra arguments, before the test and after it."""
    _stop_movies(supervisord)
    yield
    _stop_movies(supervisord)


def _stop_movies(supervisord: Supervisord) -> None:
    supervisord.call("supervisor.stopProcessGroup", "my_movies")
    for process in supervisord.call("supvisors.get_all_local_process_info"):
        if process["extra_args"]:
            namespec = f"{process['group']}:{process['name']}"
            supervisord.call("supvisors.start_args", namespec, "", False)
            supervisord.call("supervisor.stopProcess", namespec)
    # Supvisors hears of its daemon's processes through a queue: it may still count as running what has ended.
    supervisord.wait(lambda: supervisord.call("supvisors.get_application_info", "my_movies")["statename"] == "STOPPED")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisord]:
    """A supervisord without Supvisors, with two processes."""
    daemon = Supervisord(tmp_path_factory.mktemp("p"), programs=PROGRAMS / "few.conf")
    with running(daemon):
        yield daemon


@pytest.fixture
async def plain_backend(plain: Supervisord) -> AsyncIterator[SupvisorsBackend]:
    """The supervisord without Supvisors."""
    connected = connect(plain.url)
    yield connected
    await connected.aclose()
