"""Whether there is a scheduler, and what it says of itself.

It holds a lock for as long as it lives, and every few seconds writes into the lock's file what it is about. Only other
processes may look: who closes a file of its own loses its lock.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Final

from opsgate.backends.jobs import locks
from opsgate.backends.redengine.conditions import clock

if TYPE_CHECKING:
    from opsgate.backends.redengine.port import JsonObject

SECONDS_BETWEEN_BEATS: Final = 5.0
_LONGEST_SILENCE: Final = 30.0
_SIZE: Final = 512


class Beat:
    """Shows that the scheduler lives.

    Args:
        fd: Of the lock's file.
        started: Since when.
    """

    def __init__(self, fd: int, started: float) -> None:
        self._fd = fd
        self._started = started
        self._at = float("-inf")

    def show(self, next_due: float, *, at_once: bool = False) -> None:
        """Write down what it is about, if it is time to."""
        if not at_once and time.monotonic() < self._at + SECONDS_BETWEEN_BEATS:
            return
        self._at = time.monotonic()
        said = {"since": self._started, "next_due": None if next_due == clock.NEVER else next_due}
        locks.note(self._fd, json.dumps(said).ljust(_SIZE))


def look(path: str) -> JsonObject:
    """Return `alive`, `pid`, `since`, `beat_age`, `next_due` of the scheduler with this lock file."""
    pid = locks.holder(path)
    said, age = _said(path)
    return {
        "alive": pid is not None and age is not None and age < _LONGEST_SILENCE,
        "pid": pid,
        "since": None if pid is None or "since" not in said else clock.text(said["since"]),
        "beat_age": None if pid is None or age is None else round(age, 3),
        "next_due": None if pid is None or said.get("next_due") is None else clock.text(said["next_due"]),
    }


def _said(path: str) -> tuple[JsonObject, float | None]:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - the paths of a Layout are texts
            age = max(0.0, time.time() - os.fstat(file.fileno()).st_mtime)
            said: JsonObject = json.loads(file.read() or b"{}")
    except (OSError, ValueError):
        return {}, None
    return said, age


def since(path: str) -> float:
    """Return when the last scheduler was started; now, if none ever was."""
    return float(_said(path)[0].get("since", time.time()))
