"""The live Red Engine API with its scheduler, against its document: every operation, every check, tasks that run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from schemathesis import Case
from schemathesis.generation.stateful.state_machine import APIStateMachine

from opsgate import spec
from tests.contract import suite
from tests.engines.redengine import Redengine

SCHEMA = suite.schema("redengine")
LONGEST_WAIT = 0.2  # seconds; the document allows a minute
TASKS: dict[str, dict[str, Any]] = {
    "my-new-task": {"class": "CodeTask", "code": "print('Hello World')", "start_cond": False},
    "slow": {"class": "CommandTask", "command": ["sleep", "0.2"], "start_cond": "every 5 s"},
    "broken": {"class": "CodeTask", "code": "1 / 0", "start_cond": "after task 'my-new-task'", "disabled": True},
    "function": {"class": "FuncTask", "func": "os:getcwd", "start_cond": "daily | after task 'slow' failed"},
}


@pytest.fixture(scope="module")
def redengine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redengine]:
    with Redengine(tmp_path_factory.mktemp("contract"), {"OPSGATE_JOBS_CORES": "2"}) as running:
        fill(running)
        for name in ("my-new-task", "broken"):
            running.run(name)
        yield running


def fill(redengine: Redengine) -> None:
    """Put the tasks there that requests can meet."""
    redengine.clear()
    for name, members in TASKS.items():
        redengine.create(name, **members)


def hasten(case: Case[Any]) -> None:
    """Wait less long than the document allows, where something is waited for at all."""
    wait = case.query.get("wait") if isinstance(case.query, dict) else None
    if isinstance(wait, int | float) and LONGEST_WAIT < wait <= 60:
        case.query["wait"] = LONGEST_WAIT


@SCHEMA.parametrize()
@suite.each_operation()
def test_operation(case: Case[Any], redengine: Redengine) -> None:
    hasten(case)
    case.call_and_validate(base_url=redengine.url)


def test_sequences(redengine: Redengine) -> None:
    class Machine(SCHEMA.as_state_machine()):  # type: ignore[misc]  # made at run time
        def setup(self) -> None:
            fill(redengine)  # each sequence begins with the same answers

        def before_call(self, case: Case[Any]) -> None:
            hasten(case)

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, object]:  # noqa: ARG002 - Schemathesis' signature
            return {"base_url": redengine.url}

    assert issubclass(Machine, APIStateMachine)
    Machine.run(settings=suite.sequences())


def test_the_served_document_is_the_routed_one(redengine: Redengine) -> None:
    served = requests.get(f"{redengine.url}/openapi.json", timeout=60).json()
    assert served == {**spec.load("redengine"), "servers": [{"url": "/"}]}


def test_the_log_shows_no_failure_of_ours(redengine: Redengine) -> None:
    assert "Traceback" not in redengine.log.read_text()
