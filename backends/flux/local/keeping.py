"""What the Flux API keeps with a job in the job engine, to show the job by later."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, json, to_builtins


class Kept(Struct, frozen=True, omit_defaults=True):
    """What was asked for.

    Attributes:
        ntasks: How many tasks.
        cores_per_task: The cores of each.
        ncores: The cores of all of them; with `exclusive` all there are.
        duration: Seconds it may run; 0 for any time.
        after: What it waits for, as Flux's events call it.
        cwd: Where it was to run.
        held: Whether it was held when it was submitted.
        option_flags: What a job shell would have been told.
    """

    ntasks: int = 1
    cores_per_task: int = 1
    ncores: int = 1
    duration: float = 0.0
    after: tuple[str, ...] = ()
    cwd: str | None = None
    held: bool = False
    option_flags: dict[str, Any] = {}

    def members(self) -> dict[str, Any]:
        """Return it as JSON members."""
        members: dict[str, Any] = to_builtins(self)
        return members


_decoder = json.Decoder(Kept)


def read(text: str) -> Kept:
    """Return what a job's row has."""
    return _decoder.decode(text)
