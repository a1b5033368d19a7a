"""What the faults need to know of a running service: each API's module has a class that fits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.faults.clients import Served, Written


@dataclass
class Account:
    """What was found, when all that had been accepted was over, of what the stream wrote. All of it is keys.

    Attributes:
        lost: Acknowledged, and not there, or said to be done and not done.
        twice: Took effect more than once, acknowledged or not.
        interrupted: There, and recorded as not having come to its own end: a job whose runner was killed.
    """

    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    interrupted: list[str] = field(default_factory=list)


class Site(Served, Protocol):
    """A running service that may be maltreated, with a directory that all its processes name or are in.

    Attributes:
        directory: Where its state, its temporary files (TMPDIR) and its log are.
    """

    directory: Path

    def start(self) -> None:
        """Start the service again, when it was killed as a whole, and wait until it answers."""

    def pids(self, kind: str) -> list[int]:
        """The processes of a kind: "worker" and "master" of gunicorn, and others of the API's own."""

    def account(self, written: Written) -> Account:
        """Wait until what was accepted is over, and look what became of it."""

    def litter(self) -> set[str]:
        """Names of files in its directory that neither the service as such needs nor what was accepted."""

    def close(self) -> None:
        """End it, and all that it started."""
