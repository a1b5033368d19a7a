"""Hostile input to every operation of the live Flux API over the local engine, at both bases."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.engines.flux import USER, Flux
from tests.engines.waiting import until
from tests.hostile.attacks import Rules
from tests.hostile.siege import Siege, operations

SPARED = ("service.stop_service", "service.stop_service_v1")  # nothing could be attacked after them
HELD = b'{"command":"true","urgency":0,"num_tasks":1,"envars":{"A":"b"},"workdir":"/tmp","name":"held"}'
"""A job that waits until its urgency is raised: thousands of running ones would prove nothing more."""


def basic(user: str, password: str) -> tuple[str, str]:
    return "Authorization", f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    flux = Flux(tmp_path_factory.mktemp("flux"), USER)
    try:
        rules = Rules((basic(USER["FLUX_USER"], USER["FLUX_TOKEN"]),), guarded=True)
        number = flux.submit("true")
        flux.finished(number)

        def finished_job(_operation_id: str) -> dict[str, str]:
            return {"uid": str(number), "urgency": "0", "command": "true"}

        bodies = dict.fromkeys(("submission.submit_job", "submission.submit_job_v1"), HELD)
        bodies |= dict.fromkeys(("tokens.log_in", "tokens.log_in_v1"), b"username=a&password=b")
        with closing(
            Siege("flux", flux.gateway, "/v1/nodes", prepare=finished_job, rules=rules, bodies=bodies, sparing=SPARED)
        ) as siege:
            yield siege
        until(lambda: not flux.client.get("/v1/jobs?states=RUN").json()["jobs"], "the end of the few that run")
    finally:
        flux.client.close()
        flux.gateway.stop()


@pytest.mark.parametrize("operation", operations("flux"))
def test_operation(operation: str, siege: Siege) -> None:
    assert "\n".join(siege.attack(operation)) == ""


def test_damage(siege: Siege) -> None:
    assert siege.is_well()
    assert siege.damage() == []
