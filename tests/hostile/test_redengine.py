"""Hostile input to every operation of the live Red Engine API, with its scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.engines.redengine import Redengine
from tests.hostile.siege import Siege, operations

NEVER = "after task 'nobody'"


@pytest.fixture(scope="module")
def siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    with Redengine(tmp_path_factory.mktemp("redengine"), {"OPSGATE_JOBS_CORES": "1"}) as redengine:

        def one_task(_operation_id: str) -> dict[str, str]:
            redengine.clear()
            redengine.create("here", **{"class": "CommandTask", "command": ["true"], "start_cond": NEVER})
            return {"name": "here", "run_id": redengine.run("here")["run_id"]}

        gateway = redengine.gateway  # two workers, and the keeper of the scheduler
        with closing(Siege("redengine", gateway, "/session", prepare=one_task, processes=3)) as siege:
            yield siege
        assert redengine.ask("GET", "/scheduler")["alive"] is True


@pytest.mark.parametrize("operation", operations("redengine"))
def test_operation(operation: str, siege: Siege) -> None:
    assert "\n".join(siege.attack(operation)) == ""


def test_damage(siege: Siege) -> None:
    assert siege.is_well()
    assert siege.damage() == []
