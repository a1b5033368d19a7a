"""Hostile input to every operation of the live Hoplite API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.engines.hoplite import Hoplite, install
from tests.hostile.siege import Siege, operations

SLOW = ("reload", "reload_job_plugins")  # each asks another Python


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with Hoplite(tmp_path_factory.mktemp("hoplite")) as hoplite:
        install(hoplite.site, {"a job": "def run(config, status):\n    pass"})
        gateway = hoplite.gateway

        def finished_job(_operation_id: str) -> dict[str, str]:
            return {"job_uuid": hoplite.run("a job")["uuid"]}

        with closing(Siege("hoplite", gateway, "/jobs/running", prepare=finished_job, sparing=SLOW)) as siege:
            yield siege


@pytest.mark.parametrize("operation", operations("hoplite"))
def test_operation(operation: str, siege: Siege) -> None:
    assert "\n".join(siege.attack(operation)) == ""


def test_damage(siege: Siege) -> None:
    assert siege.is_well()
    assert siege.damage() == []
