"""Hostile input to every operation of the live ecFlow API, in front of a real ecflow_server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.engines.ecflow_gateway import running
from tests.engines.ecflow_server import EcflowServer
from tests.hostile.attacks import Rules
from tests.hostile.siege import Siege, operations

SLOW = ("events.follow_events",)  # each begins with what the server knows next
TOKEN = "the-token-of-the-siege"
SUITE = """suite test
  limit lim 5
  edit foo "bar"
  family fc
    repeat date YMD 20261122 20261124
    task prepare
      label info "first guess"
      meter step 0 240
      event ready
      edit foo "bar"
      time 10:00
    task run
      trigger prepare == complete
  endfamily
endsuite
"""


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    directory = tmp_path_factory.mktemp("hostile")
    server = EcflowServer(directory / "server")
    server.start()

    def the_suite(_operation_id: str) -> dict[str, str]:
        for name in server.suites():
            server.delete(f"/{name}")
        server.load(SUITE)
        return {"path": "test/fc/prepare"}

    rules = Rules((("Authorization", f"Bearer {TOKEN}"),), guarded=True)
    environment = {"OPSGATE_SERVER_VALIDATE_RESPONSES": "true"}
    try:
        pid = server.pid
        with (
            running(directory, server, environment=environment, token=TOKEN) as site,
            closing(
                Siege("ecflow", site.gateway, "/v1/statistics", prepare=the_suite, rules=rules, sparing=SLOW)
            ) as siege,
        ):
            yield siege
        assert (server.running, server.pid) == (True, pid)
    finally:
        server.terminate()


@pytest.mark.parametrize("operation", operations("ecflow"))
def test_operation(operation: str, siege: Siege) -> None:
    assert "\n".join(siege.attack(operation)) == ""


def test_damage(siege: Siege) -> None:
    assert siege.is_well()
    assert siege.damage() == []
