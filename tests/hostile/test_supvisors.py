"""Hostile input to every operation of the live Supvisors API, in front of a real supervisord."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.engines.gateway import Gateway, free_port
from tests.engines.supervisord import running, single
from tests.hostile.siege import Siege, operations

SPARED = (
    *("supervisor.shutdown", "supvisors.shutdown"),  # nothing could be attacked after them
    *("supervisor.restart", "supvisors.restart", "supvisors.restart_sequence"),  # away for seconds
    *("supervisor.clear_all_process_logs", "supervisor.start_all_processes"),  # take seconds each
)
EXISTING = {"wait": "false"}
MISSING = {
    "wait": "false",
    "namespec": "nobody:nobody",
    "application_name": "nobody",
    "name": "nobody",
    "regex": "%5B",
}


def something(operation_id: str) -> dict[str, str]:
    """What an operation is about: what is not there, where it would start processes hundreds of times."""
    return MISSING if "start" in operation_id else EXISTING


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    port = free_port()
    directory = tmp_path_factory.mktemp("h")
    daemon = single(directory)
    arguments = ["supvisors", "-u", daemon.url, "-p", str(port)]
    environment = {"OPSGATE_SERVER_VALIDATE_RESPONSES": "true"}

    with running(daemon), Gateway(arguments, port, directory / "log", environment) as gateway:
        pid = daemon.pid
        with closing(Siege("supvisors", gateway, "/supervisor/getState", prepare=something, sparing=SPARED)) as siege:
            yield siege
        assert daemon.running
        assert daemon.pid == pid


@pytest.mark.parametrize("operation", operations("supvisors"))
def test_operation(operation: str, siege: Siege) -> None:
    assert "\n".join(siege.attack(operation)) == ""


def test_damage(siege: Siege) -> None:
    assert siege.is_well()
    assert siege.damage() == []
