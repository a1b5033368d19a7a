from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.redengine import SCENARIOS, RedengineSite
from tests.faults.scenario import Scenario, Sites, chosen, run

SECONDS = 0.6


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites[RedengineSite]]:
    with Sites[RedengineSite](tmp_path_factory.mktemp("faults")) as sites:
        yield sites


@pytest.mark.parametrize("scenario", chosen(SCENARIOS), ids=lambda scenario: scenario.name)
def test(scenario: Scenario[RedengineSite], sites: Sites[RedengineSite]) -> None:
    assert run(scenario, sites, SECONDS).complaints == []
