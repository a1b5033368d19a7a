"""The live Flux API on real jobs, against its document: every operation at both bases, every check, links followed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import requests
from schemathesis import Case
from schemathesis.generation.stateful.state_machine import APIStateMachine

from opsgate import spec
from tests.contract import suite
from tests.engines.flux import USER, Flux

# What stops the service is tested in tests/gateway/test_flux_clients.py: nothing could be tested after it. The stream
# of events has no end to wait for; it is tested in tests/gateway/test_flux_service.py.
LEFT_OUT = ["service.stop_service", "service.stop_service_v1", "events.follow_events", "events.follow_events_v1"]
SCHEMA = suite.schema("flux").exclude(operation_id=LEFT_OUT)
LONGEST_WAIT = 0.2  # seconds; the document allows a minute
COMMAND = "echo hello"


@SCHEMA.auth()
class Credentials:
    """User and token with every request but those that are to be refused, and those for a token of their own."""

    def get(self, case: Case[Any], context: object) -> str:  # noqa: ARG002 - Schemathesis' signature
        """What the request shows."""
        if not case.path.endswith("/token"):
            return requests.auth._basic_auth_str(USER["FLUX_USER"], USER["FLUX_TOKEN"])
        claims = {"user": USER["FLUX_USER"], "pass": USER["FLUX_TOKEN"], "scope": "token"}
        return f"Bearer {jwt.encode(claims, USER['FLUX_SECRET_KEY'], algorithm='HS256')}"

    def set(self, case: Case[Any], data: str, context: object) -> None:  # noqa: ARG002 - Schemathesis' signature
        """Put it into a request."""
        case.headers["Authorization"] = data


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flux]:
    with Flux(tmp_path_factory.mktemp("flux"), {**USER, "OPSGATE_SERVER_MAX_FAILED_LOGINS": "0"}) as running:
        for _ in range(2):
            running.finished(running.submit(COMMAND))
        yield running


def tame(case: Case[Any]) -> None:
    """Wait less long than the document allows, and run nothing but a harmless command."""
    query = case.query if isinstance(case.query, dict) else {}
    wait = query.get("wait")
    if isinstance(wait, int | float) and LONGEST_WAIT < wait <= 60:
        query["wait"] = LONGEST_WAIT
    if case.path.endswith("/submit"):
        for given in (query, case.body):
            command = given.get("command") if isinstance(given, dict) else None
            if isinstance(given, dict) and isinstance(command, str) and command.strip():
                given["command"] = COMMAND


@SCHEMA.parametrize()
@suite.each_operation()
def test_operation(case: Case[Any], flux: Flux) -> None:
    tame(case)
    case.call_and_validate(base_url=flux.gateway.url)


def test_sequences(flux: Flux) -> None:
    class Machine(SCHEMA.as_state_machine()):  # type: ignore[misc]  # made at run time
        def before_call(self, case: Case[Any]) -> None:
            tame(case)

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, object]:  # noqa: ARG002 - Schemathesis' signature
            return {"base_url": flux.gateway.url}

    assert issubclass(Machine, APIStateMachine)
    Machine.run(settings=suite.sequences())


def test_the_served_document_is_the_routed_one(flux: Flux) -> None:
    served = requests.get(f"{flux.gateway.url}/openapi.json", timeout=60).json()
    assert served == {**spec.load("flux"), "servers": [{"url": "/"}]}


def test_the_log_shows_no_failure_of_ours(flux: Flux) -> None:
    assert "Traceback" not in flux.gateway.log.read_text()
