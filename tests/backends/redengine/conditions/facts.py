"""Facts that a test states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opsgate.backends.redengine.conditions.terms import Action
from tests.backends.redengine.conditions.histories import Past, Record, running


@dataclass
class Stated:
    """See `terms.Facts`."""

    records: tuple[Record, ...] = ()
    session: Mapping[str, Any] = field(default_factory=dict)
    since: float = 0.0

    def __post_init__(self) -> None:
        self._last = {(task, action): at for task, action, at in self.records}
        self._running = running(self.records)

    def last(self, task: str, action: Action) -> float | None:
        return self._last.get((task, action))

    def has_record(self, task: str, actions: tuple[Action, ...], start: float, end: float) -> bool:
        return any(name == task and what in actions and start <= at <= end for name, what, at in self.records)

    def is_running(self, task: str) -> bool:
        return task in self._running

    def parameters(self) -> Mapping[str, Any]:
        return self.session

    def started(self) -> float:
        return self.since


def at_moments(pasts: list[Past]) -> list[tuple[float, Stated]]:
    """What is known at each moment of these pasts."""
    return [
        (moment, Stated(past.at(moment), past.parameters, moment - past.started))
        for past in pasts
        for moment in past.moments
    ]
