"""What a scheduler's description of itself says in numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsgate.backends.measures import Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opsgate.backends.redengine.port import JsonObject


def of_scheduler(said: JsonObject) -> Sequence[Measure]:
    """Return how old its last sign of life is, if there was one, and how many tasks and runs there are."""
    runs = [
        Measure("opsgate_redengine_runs", "Runs that are not over.", said[state], {"state": state})
        for state in ("running", "waiting")
    ]
    tasks = Measure("opsgate_redengine_tasks", "Tasks.", said["tasks"])
    if said["beat_age"] is None:
        return [tasks, *runs]
    age = Measure("opsgate_scheduler_age_seconds", "Since the scheduler's last sign of life.", said["beat_age"])
    return [tasks, *runs, age]
