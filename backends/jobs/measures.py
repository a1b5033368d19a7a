"""What APIs whose jobs run on the engine tell about them."""

from __future__ import annotations

from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Query
from opsgate.backends.jobs.states import State
from opsgate.backends.measures import Measure


async def by_state(engine: Engine, api: str) -> list[Measure]:
    """Count the jobs of an API by state."""
    numbers = {state: await engine.count(api, Query(states=(state,))) for state in State}
    return [Measure("opsgate_jobs", "Jobs.", number, {"state": state}) for state, number in numbers.items()]
