from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.scenario import Scenario, Sites, chosen, run
from tests.faults.supvisors import SCENARIOS, SupvisorsSite

SECONDS = 0.9


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites[SupvisorsSite]]:
    with Sites[SupvisorsSite](tmp_path_factory.mktemp("faults")) as sites:
        yield sites


@pytest.mark.parametrize("scenario", chosen(SCENARIOS), ids=lambda scenario: scenario.name)
def test(scenario: Scenario[SupvisorsSite], sites: Sites[SupvisorsSite]) -> None:
    assert run(scenario, sites, SECONDS).complaints == []
