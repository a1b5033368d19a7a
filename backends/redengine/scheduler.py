"""The scheduler: starts tasks when their conditions begin to hold, ends them when their end conditions do.

It sleeps until the first moment at which a condition may change, or until somebody rings: a client that changed
something, a run that began or ended. One per state directory acts; it holds a lock as long as it lives. It may be
killed at any moment: a run is noted before it is handed over, and what happened meanwhile is read from the job engine.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from opsgate.backends.errors import EngineError
from opsgate.backends.jobs import linux
from opsgate.backends.redengine import progress
from opsgate.backends.redengine.agenda import Agenda
from opsgate.backends.redengine.conditions import terms
from opsgate.backends.redengine.conditions.clock import NEVER
from opsgate.backends.redengine.liveness import Beat
from opsgate.backends.redengine.memory import Known, Memory
from opsgate.backends.redengine.recorder import Recorder

if TYPE_CHECKING:
    from opsgate.backends.jobs.engine import Engine
    from opsgate.backends.redengine.options import Options
    from opsgate.backends.redengine.progress import Reason
    from opsgate.backends.redengine.store import Opened, Store

_log = logging.getLogger(__name__)
_LONGEST_SLEEP: Final = 1.0
"""Seconds after which the store is looked at even if nobody rang: who changed something may have been killed first."""
_STEP: Final = 2.0
"""Seconds by which the clock must have been set for all conditions to be looked at anew."""
_SHUTDOWN_SECONDS: Final = 60.0
_Start = tuple[Known, "Reason"]


class Scheduler:
    """Schedules what is in a store whose lock this process holds. `run`, then `close`.

    Args:
        store: The store.
        opened: The same, open.
        lock: The descriptor of its lock.
        engine: What runs are jobs of.
        options: The operator's choices.

    Raises:
        OSError: This user has used up the kernel's inotify instances.
    """

    def __init__(self, store: Store, opened: Opened, lock: int, engine: Engine, options: Options) -> None:
        self._store = store
        self._db = opened.reader.db
        self._inotify = linux.Inotify()
        self._inotify.watch(store.state.bell)
        started = time.time()
        self._beat = Beat(lock, started)
        self._memory = Memory(self._db, started)
        self._recorder = Recorder(store, engine, options)
        self._agenda = Agenda()
        self._look: set[int] = set()
        self._rung = asyncio.Event()
        self._is_stopping = False
        self._first: set[str] = set()
        self._offset = started - time.monotonic()

    async def run(self) -> None:
        """Act until `stop` is called, then run what runs at shutdown. What it raises is nothing it can go on after."""
        asyncio.get_running_loop().add_reader(self._inotify.fd, self._hear)
        await self._recorder.start()
        self._memory.refresh()
        self._look |= set(self._memory.tasks)
        self._first = set(await self._start_all("startup", "on_startup"))
        while not self._is_stopping:
            await self._go_on()
        await self._shut_down()

    def stop(self) -> None:
        """Have `run` return soon."""
        self._is_stopping = True
        self._rung.set()

    async def close(self) -> None:
        """Look at nothing any more; runs go on."""
        asyncio.get_running_loop().remove_reader(self._inotify.fd)
        self._inotify.close()
        await self._recorder.close()

    async def _go_on(self) -> None:
        if self._recorder.failure is not None:
            raise self._recorder.failure
        try:
            self._rung.clear()
            self._read()
            await self._act()
        except (EngineError, sqlite3.Error) as error:
            _log.warning("%s; trying again", error)
            self._look |= set(self._memory.tasks)
            await asyncio.sleep(_LONGEST_SLEEP)
        next_due = self._agenda.next()
        self._beat.show(next_due)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(next_due - time.time(), _LONGEST_SLEEP))):
                await self._rung.wait()

    def _read(self) -> None:
        """Take notice of what has changed, the clock included."""
        concerned = self._memory.refresh()
        if concerned:
            self._look |= concerned
            self._recorder.end_unwanted(self._db)
        if self._first:
            self._first &= {known.row["active"] for known in self._memory.tasks.values()}
            self._look |= set() if self._first else set(self._memory.tasks)
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) > _STEP:
            self._offset = offset
            self._look |= set(self._memory.tasks)

    async def _act(self) -> None:
        now = time.time()
        looked, self._look = self._look | self._agenda.take(now), set()
        known = [self._memory.tasks[seq] for seq in looked if seq in self._memory.tasks]
        starts = [(task, reason) for task in known if (reason := self._judge(task, now)) is not None]
        if starts:
            await self._start(starts)
        ends = [task for task in known if self._is_over(task, now)]
        if ends:
            await self._store.do(lambda db: progress.ask_to_end(db, [task.row for task in ends]))
            self._rung.set()

    def _judge(self, task: Known, now: float) -> Reason | None:
        """Why a task that does not run is to start now; else it is noted when to look again."""
        row, seq = task.row, task.row["seq"]
        self._agenda.put(seq, NEVER)
        if row["active"] is not None:
            return None
        rested = _last_end(row) + terms.CYCLE
        if rested > now and rested < now + 1:
            self._agenda.put(seq, rested)
            return None
        if row["force_run"]:
            return "force_run"
        if self._first or row["disabled"] or row["on_startup"] or row["on_shutdown"]:
            return None
        moment = terms.moment(now, row["name"], self._memory)
        if task.start.holds(moment):
            return "schedule"
        self._agenda.put(seq, task.start.next_change(moment))
        return None

    def _is_over(self, task: Known, now: float) -> bool:
        """Whether a task that runs is to end now; else it is noted when to look again."""
        row = task.row
        if row["active"] is None or row["force_termination"] or isinstance(task.end, terms.Always):
            return row["active"] is not None and not row["force_termination"] and task.end == terms.Always(value=True)
        moment = terms.moment(now, row["name"], self._memory)
        if task.end.holds(moment):
            return True
        self._agenda.put(row["seq"], task.end.next_change(moment))
        return False

    async def _start(self, starts: list[_Start]) -> list[str]:
        """Note runs, the most urgent first, and hand them over."""
        ordered = sorted(starts, key=lambda start: (-start[0].row["priority"], start[0].row["seq"]))

        def note(db: sqlite3.Connection) -> list[tuple[dict[str, Any], str | None]]:
            return [(task.row, progress.hand_over(db, task.row, reason)) for task, reason in ordered]

        noted = await self._store.do(note)
        for row, run_id in noted:
            if run_id is not None:
                self._recorder.hand_over(row, run_id)
        self._rung.set()
        return [run_id for _, run_id in noted if run_id is not None]

    async def _start_all(self, reason: Reason, flag: str) -> list[str]:
        chosen = [task for task in self._memory.tasks.values() if task.row[flag] and not task.row["disabled"]]
        free = [task for task in chosen if task.row["active"] is None]
        return await self._start([(task, reason) for task in free]) if free else []

    async def _shut_down(self) -> None:
        last = set(await self._start_all("shutdown", "on_shutdown"))
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                while last:
                    self._rung.clear()
                    self._memory.refresh()
                    last &= {known.row["active"] for known in self._memory.tasks.values()}
                    if last:
                        await self._rung.wait()

    def _hear(self) -> None:
        self._inotify.read()
        self._rung.set()


def _last_end(row: dict[str, Any]) -> float:
    return max(row[f"last_{action}"] or 0.0 for action in terms.ENDS)
