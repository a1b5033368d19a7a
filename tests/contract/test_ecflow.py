"""The live gateway over a real ecflow_server, against its document: every operation, every check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from schemathesis import Case
from schemathesis.generation.stateful.state_machine import APIStateMachine

from opsgate import spec
from tests.contract import suite
from tests.engines.ecflow_gateway import Site, running
from tests.engines.ecflow_server import EcflowServer

# The stream of events has no end to wait for; it is tested in tests/gateway/test_ecflow_reading.py.
SCHEMA = suite.schema("ecflow").exclude(operation_id="events.follow_events")
TOKEN = "the-token-of-the-contract-test"
SUITE = """suite test
  limit lim 5
  family fc
    repeat date YMD 20261122 20261124
    task prepare
      label info "first guess"
      meter step 0 240
      event ready
    task run
      trigger prepare == complete
  endfamily
endsuite
"""


@SCHEMA.auth()
class Token:
    """The credentials of every request but those that are to be refused."""

    def get(self, case: Case[Any], context: object) -> str:  # noqa: ARG002 - Schemathesis' signature
        """Whatever is asked for."""
        return TOKEN

    def set(self, case: Case[Any], data: str, context: object) -> None:  # noqa: ARG002 - Schemathesis' signature
        """Put it into a request, alone: beside a good token, the check for ignored credentials takes no bad one."""
        for place in (case.query, case.headers):
            for name in ("key", "X-API-Key"):
                (place or {}).pop(name, None)
        case.headers["Authorization"] = f"Bearer {data}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("contract")
    server = EcflowServer(directory / "server")
    server.start()
    try:
        server.load(SUITE)
        with running(
            directory, server, environment={"OPSGATE_SERVER_VALIDATE_RESPONSES": "true"}, token=TOKEN
        ) as started:
            yield started
        assert server.running
    finally:
        server.terminate()


@SCHEMA.parametrize()
@suite.each_operation()
def test_operation(case: Case[Any], site: Site) -> None:
    case.call_and_validate(base_url=site.gateway.url)


def test_sequences(site: Site) -> None:
    class Machine(SCHEMA.as_state_machine()):  # type: ignore[misc]  # made at run time
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, object]:  # noqa: ARG002 - Schemathesis' signature
            return {"base_url": site.gateway.url}

    assert issubclass(Machine, APIStateMachine)
    Machine.run(settings=suite.sequences())


def test_the_served_document_is_the_routed_one(site: Site) -> None:
    served = requests.get(f"{site.gateway.url}/openapi.json", timeout=60).json()
    assert served == {**spec.load("ecflow"), "servers": [{"url": "/"}]}


def test_the_log_shows_no_failure_of_ours(site: Site) -> None:
    assert "Traceback" not in site.gateway.log.read_text()
