"""What `bench.redengine` compares: `opsgate redengine`, and the FlaskAPI of Red Engine in an environment of its own."""

from __future__ import annotations

import asyncio
import functools
import json
import sqlite3
import subprocess
import sys
import time
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bench import processes
from opsgate.backends.redengine import changes, progress
from opsgate.backends.redengine.progress import Ending
from opsgate.backends.redengine.store import Store

PEER = ("redengine==1.2.0", "Flask==2.0.3", "Flask-RESTful==0.3.10", "Werkzeug==2.0.3", "waitress==3.0.2")
OURS, THEIRS = "opsgate", "FlaskAPI"
WRITTEN = "written"
_AT_A_TIME = 500
_THEIR_PROGRAM = Path(__file__).with_name("redengine_peer.py")


@dataclass(frozen=True)
class Site:
    """A service with a session.

    Attributes:
        name: OURS or THEIRS.
        url: Where it answers.
        pid: Its first process.
        scheduler: The process that looks at conditions; theirs is all in one.
    """

    name: str
    url: str
    pid: int
    scheduler: int

    def ask(self, target: str, body: object = None) -> Any:
        """Send a GET request, or a POST request with a body; return the body of the answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + target, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def create(self, name: str, **members: object) -> None:
        """Create a task."""
        self.ask(f"/tasks/{name}", members)


def waiting() -> dict[str, object]:
    """A scheduled task that is not due before six hours have gone by."""
    hour = (datetime.now() + timedelta(hours=7)).hour
    return {"class": "CodeTask", "code": "pass", "start_cond": f"daily between {hour:02}:10 and {hour:02}:50"}


@contextmanager
def site(  # noqa: PLR0913 - what there is to choose
    name: str, place: Path, home: Path, tasks: int, records: int = 0, *, disabled: bool = False
) -> Iterator[Site]:
    """Run a candidate with so many scheduled tasks, none of them due, and so many log records.

    Args:
        name: OURS or THEIRS.
        place: A directory for its files.
        home: Their virtual environment.
        tasks: How many.
        records: How many.
        disabled: Whether the tasks are.
    """
    place.mkdir(parents=True)
    port, log = processes.free_port(), place / "log"
    state, given = place / "state", place / "tasks.json"
    made = {f"task-{number}": waiting() | {"disabled": disabled} for number in range(tasks)}
    given.write_text(json.dumps(made))
    commands = {
        OURS: [sys.executable, "-P", "-m", "opsgate", "redengine", "-p", str(port), "--state-dir", str(state)],
        THEIRS: [str(python(home)), "-P", str(_THEIR_PROGRAM), str(port), str(given), str(records)],
    }
    with processes.running(commands[name], log) as pid:
        processes.until(lambda: processes.is_listening(port), log)
        if name == THEIRS:
            yield Site(name, f"http://127.0.0.1:{port}", pid, pid)
            return
        ours = Site(name, f"http://127.0.0.1:{port}", pid, 0)
        for task, members in made.items():
            ours.create(task, **members)
        if records:
            ours.create(WRITTEN, **waiting(), disabled=True)
            asyncio.run(_record(state, records))
        yield replace(ours, scheduler=_scheduler(ours, log))


def python(home: Path) -> Path:
    """The Python of their virtual environment, which is made where it is not there."""
    found = home / "bin" / "python"
    if not found.exists():
        print(f"installing {PEER[0]} …", file=sys.stderr)
        venv.create(home, with_pip=True)
        subprocess.run([str(found), "-m", "pip", "install", "--quiet", *PEER], check=True)
    return found


def _scheduler(ours: Site, log: Path) -> int:
    processes.until(lambda: bool(ours.ask("/scheduler")["alive"]), log)
    return int(ours.ask("/scheduler")["pid"])


async def _record(state: Path, records: int) -> None:
    """Record runs that never were, by the functions that record those of tasks."""
    store = Store(state)
    for start in range(0, records // 2, _AT_A_TIME):
        number = min(_AT_A_TIME, records // 2 - start)
        await store.do(functools.partial(_runs, number=number))
    await store.aclose()


def _runs(db: sqlite3.Connection, number: int) -> None:
    task = changes.get(db, WRITTEN)
    for _ in range(number):
        run_id, now = progress.hand_over(db, task, "schedule"), time.time()
        assert run_id
        progress.ended(db, run_id, Ending("success", now, now, 0.0, 0))
