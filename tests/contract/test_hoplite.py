"""The live Hoplite API on real jobs, against its document: every operation, every check, jobs through their lives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from schemathesis import Case
from schemathesis.core.result import Ok
from schemathesis.generation.stateful.state_machine import APIStateMachine

from opsgate import spec
from tests.contract import suite
from tests.engines.hoplite import Hoplite, install

SCHEMA = suite.schema("hoplite")
LONGEST_WAIT = 0.2  # seconds; the document allows a minute
PLUGIN = """
    import time
    def run(config, status):
        print('begun')
        status.update({'config': config})
        time.sleep(config.get('seconds', 0.1) if isinstance(config.get('seconds'), int) else 0.1)
        print('done')
"""


@pytest.fixture(scope="module")
def hoplite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hoplite]:
    with Hoplite(tmp_path_factory.mktemp("hoplite")) as running:
        install(running.site, {"a job": PLUGIN})
        yield running


def hasten(case: Case[Any]) -> None:
    """Wait less long than the document allows, where something is waited for at all."""
    wait = case.query.get("wait") if isinstance(case.query, dict) else None
    if isinstance(wait, int | float) and LONGEST_WAIT < wait <= 60:
        case.query["wait"] = LONGEST_WAIT


@SCHEMA.parametrize()
@suite.each_operation()
def test_operation(case: Case[Any], hoplite: Hoplite) -> None:
    hasten(case)
    case.call_and_validate(base_url=hoplite.gateway.url)


def test_sequences(hoplite: Hoplite) -> None:
    class Machine(SCHEMA.as_state_machine()):  # type: ignore[misc]  # made at run time
        def setup(self) -> None:
            hoplite.clear()  # each sequence begins with the same answers

        def before_call(self, case: Case[Any]) -> None:
            hasten(case)

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, object]:  # noqa: ARG002 - Schemathesis' signature
            return {"base_url": hoplite.gateway.url}

    assert issubclass(Machine, APIStateMachine)
    Machine.run(settings=suite.sequences())


class Life:
    """Follows the links of the document from answer to answer, with every check on each."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._operations = {
            result.ok().definition.raw["operationId"]: result.ok()
            for result in SCHEMA.get_all_operations()
            if isinstance(result, Ok)
        }
        self._links: dict[str, Any] = spec.load("hoplite")["components"]["links"]

    def call(self, operation_id: str, **parts: Any) -> Step:
        """Send one request; the answer must be as documented."""
        case = self._operations[operation_id].Case(**parts)
        answer = case.call_and_validate(base_url=self._url)
        return Step(operation_id, answer.status_code, answer.json(), parts.get("path_parameters", {}))

    def follow(self, step: Step, name: str, body: dict[str, Any] | None = None) -> Step:
        """Take a link that the document gives for this answer."""
        offered = self._operations[step.operation_id].definition.raw["responses"][str(step.status)]
        assert f"#/components/links/{name}" in str(_resolved(offered)), (name, step)
        link = self._links[name]
        values = {key: step.value(expression) for key, expression in link.get("parameters", {}).items()}
        path = {"job_uuid": values.pop("job_uuid")} if "job_uuid" in values else {}
        body = body or {key: step.value(expression) for key, expression in link.get("requestBody", {}).items()}
        parts = {"path_parameters": path} | ({"query": values} if values else {}) | ({"body": body} if body else {})
        return self.call(link["operationId"], **parts)


@dataclass(frozen=True)
class Step:
    """An answer, and what the request had in its path."""

    operation_id: str
    status: int
    body: Any
    path: dict[str, Any]

    def value(self, expression: Any) -> Any:
        """What an expression of a link stands for."""
        if not isinstance(expression, str) or not expression.startswith("$"):
            return expression
        if expression.startswith("$request.path."):
            return self.path[expression.removeprefix("$request.path.")]
        value = self.body
        for part in expression.removeprefix("$response.body#/").split("/"):
            value = value[int(part)] if isinstance(value, list) else value[part]
        return value


def _resolved(response: dict[str, Any]) -> Any:
    """A response object of the document, or the shared one it names."""
    document = spec.load("hoplite")
    return document["components"]["responses"][response["$ref"].rpartition("/")[2]] if "$ref" in response else response


class TestLinks:
    def test_through_a_life(self, hoplite: Hoplite) -> None:
        life = Life(hoplite.gateway.url)
        created = life.follow(life.call("list_job_plugins"), "FirstPluginJob")
        assert (created.status, created.body["state"]) == (201, "created")
        assert life.follow(created, "ThisJob").body == created.body
        assert life.follow(created, "ThisJobUpdate", {"status": {}, "api_key": "guessed"}).status == 403
        started = life.follow(created, "ThisJobStart")
        assert started.body == {"uuid": created.body["uuid"], "started": True}
        over = life.follow(started, "StartedJob")
        assert (over.body["finished"], over.body["exit_code"]) == (True, 0)
        piece = life.follow(over, "SameJobOutput")
        assert (piece.body["text"], piece.body["complete"]) == ("begun\ndone\n", True)
        assert life.follow(piece, "NextOutput").body["text"] == ""
        assert life.follow(over, "SameJobStart").status == 403
        killed = life.follow(over, "SameJobKill")
        assert life.follow(killed, "KilledJob").body == over.body
        listed = life.call("list_jobs", query={"state": ["finished"]})
        assert life.follow(listed, "FirstJob").status == 200
        assert life.follow(over, "SameJobDelete").status == 200
        assert life.follow(over, "SameJobOutput").status == 404

    def test_to_an_early_end(self, hoplite: Hoplite) -> None:
        life = Life(hoplite.gateway.url)
        created = life.call("create_job", body={"plugin_name": "a job", "config": {"seconds": 60}, "run": "true"})
        killed = life.follow(created, "ThisJobKill")
        over = life.follow(killed, "KilledJob")
        assert (over.body["killed"], over.body["finished"]) == (True, True)
        assert life.follow(killed, "SameJobDelete").body["deleted"] is True
        assert life.follow(created, "ThisJobOutput").status == 404


def test_the_served_document_is_the_routed_one(hoplite: Hoplite) -> None:
    served = requests.get(f"{hoplite.gateway.url}/openapi.json", timeout=60).json()
    assert served == {**spec.load("hoplite"), "servers": [{"url": "/"}]}


def test_the_log_shows_no_failure_of_ours(hoplite: Hoplite) -> None:
    assert "Traceback" not in hoplite.gateway.log.read_text()
