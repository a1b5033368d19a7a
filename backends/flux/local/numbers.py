"""The numbers of jobs, made from those that the job engine gives out.

Laid out as Flux lays out its own: 24 bits of generator and sequence below a clock. The clock here ticks with each job,
so that numbers grow in the order of submission, belong to one job for ever, whichever worker took it, and stay below
2^53, where JavaScript loses count, for half a billion jobs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opsgate.backends.flux import ids

_BITS: Final = 24


def named(seq: int) -> tuple[str, Mapping[str, str]]:
    """Return the job engine's id and the variables of the job with this number there."""
    number = of(seq)
    return engine_id(number), {"FLUX_JOB_ID": ids.f58(number)}


def of(seq: int) -> int:
    """Return the number of a job, from its number in the job engine."""
    return seq << _BITS


def engine_id(number: int) -> str:
    """Return the id that the job engine knows a job by."""
    return str(number)


def number_of(engine_id: str) -> int:
    """Return the number that `engine_id` was made from; 0, which is no job's, for an id of another kind."""
    return int(engine_id) if engine_id.isdecimal() else 0
