"""What a job waits for, as Flux writes it on its command lines: `afterok:ID`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from opsgate.backends.errors import Invalid
from opsgate.backends.flux import ids

DESCRIPTIONS: Final[Mapping[str, str]] = {
    "after": "after-start",
    "afterstart": "after-start",
    "afterany": "after-finish",
    "afterok": "after-success",
    "afternotok": "after-failure",
}
"""What Flux's events call what these schemes wait for: a job's start, its end, a good end, another end."""


class Dependency(NamedTuple):
    """What a job waits for.

    Args:
        scheme: One of `DESCRIPTIONS`.
        job: The number of the other job.
    """

    scheme: str
    job: int

    @property
    def description(self) -> str:
        """What Flux's events call it: `after-success=ƒ2UzHM`."""
        return f"{DESCRIPTIONS[self.scheme]}={ids.f58(self.job)}"


def parse(text: str) -> Dependency:
    """Return what a text says.

    Raises:
        Invalid: It is not a dependency on another job, in Flux's words.
    """
    scheme, _, uid = text.partition(":")
    if scheme not in DESCRIPTIONS:
        raise Invalid(f'dependency scheme "{scheme[:64]}" not supported')
    try:
        return Dependency(scheme, ids.parse(uid))
    except Invalid as error:
        raise Invalid(f'dependency: {scheme}: "{uid[:64]}" is not a valid jobid') from error
