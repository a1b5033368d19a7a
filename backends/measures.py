"""Numbers that a backend tells about its engine when it is asked: jobs by state, the age of a scheduler's last step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Measure:
    """A number that may go up and down.

    Attributes:
        name: What is measured, in Prometheus' manner: ``opsgate_jobs``; the same for the same thing in each API.
        help: What it is, in a sentence.
        value: The number.
        labels: What tells it from others of the name.
    """

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class Measured(Protocol):
    """A backend that has something to tell."""

    async def measures(self) -> Sequence[Measure]:
        """Return what is measured now; may raise an `EngineError`."""
