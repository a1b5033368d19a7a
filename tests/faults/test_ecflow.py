from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.ecflow import SCENARIOS, EcflowSite
from tests.faults.scenario import Scenario, Sites, chosen, run

SECONDS = 0.9


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites[EcflowSite]]:
    with Sites[EcflowSite](tmp_path_factory.mktemp("faults")) as sites:
        yield sites


@pytest.mark.parametrize("scenario", chosen(SCENARIOS), ids=lambda scenario: scenario.name)
def test(scenario: Scenario[EcflowSite], sites: Sites[EcflowSite]) -> None:
    assert run(scenario, sites, SECONDS).complaints == []
