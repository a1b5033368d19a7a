"""What a clock that is set makes of tasks, by docs/redengine-engine.md: gateway, scheduler, runners have the same."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults import harm
from tests.faults.clients import Request, asked
from tests.faults.redengine import RedengineSite

TASKS = {
    "each day": "daily",
    "from noon": "daily after 12:00",
    "at eleven": "cron 0 11 * * *",
    "every 2 h": "every 2 h",
}

STEPS = {
    ("10:00", 0): (1, 0, 0, 1),
    ("13:00", 0): (1, 1, 0, 2),  # in between are noon, late rather than never, and eleven, which is over
    ("12:30", 0): (1, 1, 0, 2),
    ("09:00", 0): (1, 1, 0, 3),  # set back by more than two hours, that task would rest for six
    ("13:30", 0): (1, 1, 0, 4),
    ("13:00", -1): (1, 1, 0, 5),
    ("13:00", 1): (2, 2, 0, 6),
    ("14:00", 0): (2, 2, 0, 7),
    ("13:00", 2): (3, 3, 0, 8),
}
"""Hours that the clock shows, one after the other, on days after today, and how often each task has run then."""


class Clock:
    """A service and its clock, which shows a time of day of these days."""

    def __init__(self, directory: Path) -> None:
        self._file, self._today, self._probes = directory / "clock", date.today(), itertools.count()
        environment = harm.settable_clock(self._file)
        self.set("10:00")
        here = str(Path(__file__).with_name("one_clock"))
        self.site = RedengineSite(directory, {**environment, "PYTHONPATH": here})

    def set(self, hour: str, days: int = 0) -> None:
        """Show this hour of today, or of days after it."""
        shown = datetime.combine(self._today + timedelta(days), datetime.strptime(hour, "%H:%M").time())
        self._file.write_text(str(round(shown.timestamp() - time.time())))

    def create(self, name: str, start_cond: object, *, force_run: bool = False) -> None:
        """Create a task."""
        members = {"class": "CommandTask", "command": ["true"], "start_cond": start_cond, "force_run": force_run}
        assert asked(self.site, Request("POST", f"/tasks/{name.replace(' ', '%20')}", members)).succeeded

    def runs(self) -> dict[str, int]:
        """How often each task has run, when the scheduler has looked at what the clock shows now, and all is over."""
        probe = f"probe {next(self._probes)}"
        self.create(probe, start_cond=False, force_run=True)
        harm.wait(lambda: self._times(probe) == 1 and self._is_over())
        return {name: self._times(name) for name in TASKS}

    def _times(self, name: str) -> int:
        return len(self.site.asked(f"/tasks/{name.replace(' ', '%20')}/runs"))

    def _is_over(self) -> bool:
        runs = [run for task in self.site.asked("/tasks") for run in self._runs_of(task["name"])]
        return all(run["state"] == "ended" for run in runs)

    def _runs_of(self, name: str) -> list[dict[str, str]]:
        return list(self.site.asked(f"/tasks/{name.replace(' ', '%20')}/runs"))


@pytest.fixture
def clock(tmp_path: Path) -> Iterator[Clock]:
    made = Clock(tmp_path)
    try:
        yield made
    finally:
        made.site.close()


def test_what_is_due_runs_once(clock: Clock) -> None:
    for name, condition in TASKS.items():
        clock.create(name, condition)
    seen = []
    for hour, days in STEPS:
        clock.set(hour, days)
        seen.append((hour, days, clock.runs()))
    assert seen == [(*step, dict(zip(TASKS, times, strict=True))) for step, times in STEPS.items()]
