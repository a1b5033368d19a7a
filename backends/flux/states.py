"""The states and results of a job, with Flux's numbers and names."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

from opsgate.backends.errors import Invalid


class State(IntEnum):
    """Where a job is in its life."""

    NEW = 1
    DEPEND = 2
    PRIORITY = 4
    SCHED = 8
    RUN = 16
    CLEANUP = 32
    INACTIVE = 64


class Result(IntEnum):
    """How a job ended."""

    COMPLETED = 1
    FAILED = 2
    CANCELED = 4
    TIMEOUT = 8


PENDING: Final = State.NEW | State.DEPEND | State.PRIORITY | State.SCHED
RUNNING: Final = State.RUN | State.CLEANUP
KINDS: Final = {
    **{state.name: int(state) for state in State},
    "PENDING": PENDING,
    "RUNNING": RUNNING,
    "ACTIVE": PENDING | RUNNING,
}
"""States and kinds of states by name."""


def mask(names: Iterable[str], known: dict[str, int]) -> int:
    """Return the bits of all these names, of `KINDS` for example; all bits without any.

    Raises:
        Invalid: A name is not known.
    """
    bits = 0
    for name in names:
        if name not in known:
            raise Invalid(f"{name!r} is not one of {', '.join(known)}")
        bits |= known[name]
    return bits or ~0
