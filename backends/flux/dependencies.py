"""What a job waits for, as Flux writes it on its command lines: `afterok:ID`."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from opsgate.backends.errors import Invalid
from opsgate.backends.flux import ids

Scheme = Literal["after", "afterany", "afterok", "afternotok"]
SCHEMES: Final[tuple[Scheme, ...]] = ("after", "afterany", "afterok", "afternotok")


class Dependency(NamedTuple):
    """That another job began (`after`), ended (`afterany`), ended well (`afterok`) or otherwise (`afternotok`)."""

    scheme: Scheme
    job: int


def parse(text: str) -> Dependency:
    """Return what a text says.

    Raises:
        Invalid: It is not a dependency on another job.
    """
    name, _, uid = text.partition(":")
    for scheme in SCHEMES:
        if name == scheme:
            return Dependency(scheme, ids.parse(uid))
    raise Invalid(f"{text!r} is not a dependency: write afterok:ID, afterany:ID, afternotok:ID or after:ID")
