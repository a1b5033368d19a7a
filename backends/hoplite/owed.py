"""What is owed to webhooks: a file per job, so that no death of any process loses it.

A file is written before its job is created and removed when the job was delivered or given up. Whoever delivers holds
the file's lock; no other worker does meanwhile, and the kernel lets go of it when the holder dies.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Debt:
    """A job that is to be sent.

    Attributes:
        url: Where to.
        since: When it was noted, in seconds since 1970.
        attempts: How many have failed.
        after: When the next one may be made.
    """

    url: str
    since: float
    attempts: int = 0
    after: float = 0.0


class Owed:
    """All of them. Its methods read and write the disk: not for the event loop.

    Args:
        directory: Where the files are; made when there is a first one.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def due(self) -> list[str]:
        """Return the jobs whose time for an attempt has come."""
        try:
            names = os.listdir(self._directory)  # noqa: PTH208 - names are enough
        except FileNotFoundError:
            return []
        debts = [(name, self._read(name)) for name in sorted(names) if "." not in name]
        return [name for name, debt in debts if debt is not None and debt.after <= time.time()]

    def write(self, job_uuid: str, debt: Debt) -> None:
        """Note a debt, or what became of it.

        Raises:
            OSError: There is no room for it.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._directory / f"{job_uuid}.new"
        with fresh.open("w", encoding="ascii") as file:
            json.dump(asdict(debt), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._directory / job_uuid)

    def settle(self, job_uuid: str) -> None:
        """Owe nothing any more."""
        (self._directory / job_uuid).unlink(missing_ok=True)

    @contextmanager
    def claim(self, job_uuid: str) -> Iterator[Debt | None]:
        """Hold a debt for this worker alone; None if another one does, or it was settled."""
        try:
            file = (self._directory / job_uuid).open("rb")
        except FileNotFoundError:
            yield None
            return
        with file:
            yield self._read(job_uuid) if self._hold(file.fileno(), job_uuid) else None

    def _hold(self, fd: int, job_uuid: str) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A lock on a file that was replaced before says nothing about the one that is there now.
            return os.fstat(fd).st_ino == (self._directory / job_uuid).stat().st_ino
        except (BlockingIOError, FileNotFoundError):
            return False

    def _read(self, job_uuid: str) -> Debt | None:
        try:
            return Debt(**json.loads((self._directory / job_uuid).read_bytes()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:  # nobody of us wrote it
            log.warning("%s is no webhook: %s", self._directory / job_uuid, error)
            return None
