"""The live gateway over a real supervisord, against its document: every operation, every check."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from schemathesis import Case
from schemathesis.generation.stateful.state_machine import APIStateMachine

from opsgate import spec
from tests.contract import suite
from tests.engines.gateway import Gateway, free_port
from tests.engines.supervisord import running, single

# What ends the daemon is tested in test_supvisors_shutdown.py: nothing could be tested after it.
SCHEMA = suite.schema("supvisors").exclude(operation_id=["supervisor.shutdown", "supvisors.shutdown"])
RESTARTS = ("supervisor.restart", "supvisors.restart", "supvisors.restart_sequence")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """In front of a daemon of its own, of which little may be left in the end."""
    port = free_port()
    directory = tmp_path_factory.mktemp("c")
    daemon = single(directory)
    arguments = ["supvisors", "-u", daemon.url, "-p", str(port)]
    environment = {"OPSGATE_SERVER_VALIDATE_RESPONSES": "true"}
    with running(daemon), Gateway(arguments, port, directory / "log", environment) as gateway:
        yield gateway


def settle(case: Case[Any], url: str, limit: float = 60.0) -> None:
    """After a restart wait until the engine works again: what comes next is not about being away."""
    if case.operation.definition.raw.get("operationId") not in RESTARTS:
        return
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if httpx.get(f"{url}/readyz", timeout=60).status_code == httpx.codes.OK:
            return
        time.sleep(0.1)
    raise AssertionError("the daemon did not come back")


@SCHEMA.parametrize()
@suite.each_operation()
def test_operation(case: Case[Any], gateway: Gateway) -> None:
    case.call_and_validate(base_url=gateway.url)
    settle(case, gateway.url)


def test_sequences(gateway: Gateway) -> None:
    class Machine(SCHEMA.as_state_machine()):  # type: ignore[misc]  # made at run time
        def get_call_kwargs(self, case: Case[Any]) -> dict[str, object]:  # noqa: ARG002 - Schemathesis' signature
            return {"base_url": gateway.url}

        def after_call(self, response: schemathesis.Response, case: Case[Any]) -> None:
            super().after_call(response, case)
            settle(case, gateway.url)

    assert issubclass(Machine, APIStateMachine)
    Machine.run(settings=suite.sequences())


def test_the_served_document_is_the_routed_one(gateway: Gateway) -> None:
    served = requests.get(f"{gateway.url}/openapi.json", timeout=60).json()
    assert served == {**spec.load("supvisors"), "servers": [{"url": "/"}]}


def test_the_log_shows_no_failure_of_ours(gateway: Gateway) -> None:
    text = Path(gateway.log).read_text()
    assert "Traceback" not in text
