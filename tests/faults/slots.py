"""A few things that are run in turn, again and again, each of which leaves a mark when it runs."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

from tests.faults.clients import PATIENCE, Written
from tests.faults.site import Account


class Slots:
    """The books of them: a run that was acknowledged left its mark, and none left more than were asked for.

    Args:
        marks: The file that has a line for each run: the number of the slot.
        number: How many slots there are: so many that one has ended long before it is its turn again.
    """

    def __init__(self, marks: Path, number: int) -> None:
        self._marks = marks
        self._numbers = itertools.cycle(range(number))
        self._lock = threading.Lock()
        self._asked: dict[int, list[str]] = defaultdict(list)
        self._acknowledged: set[str] = set()
        marks.touch()

    def take(self, key: str) -> int:
        """The number of the slot that is to run for this key."""
        with self._lock:
            number = next(self._numbers)
            self._asked[number].append(key)
        return number

    def account(self, written: Written) -> Account:
        """Wait for the marks of what was acknowledged, and compare them with what was asked for since the beginning."""
        self._acknowledged.update(written.acknowledged)
        end = time.monotonic() + PATIENCE
        while (lost := self._lost()) and time.monotonic() < end:
            time.sleep(0.05)
        return Account(lost=lost, twice=self._twice())

    def _lost(self) -> list[str]:
        runs = self._runs()
        known = {number: [key for key in keys if key in self._acknowledged] for number, keys in self._asked.items()}
        return [key for number, keys in known.items() for key in keys[runs[number] :]]

    def _twice(self) -> list[str]:
        runs = self._runs()
        return [keys[-1] for number, keys in self._asked.items() if runs[number] > len(keys)]

    def _runs(self) -> Counter[int]:
        return Counter(map(int, self._marks.read_text().split()))
