"""Writers of one store stand in line: none is shut out by a busy one, none fails because another makes the store."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opsgate.backends.jobs.database import Database
from opsgate.backends.jobs.layout import Layout
from opsgate.backends.jobs.turn import Turn

PATIENCE = 60.0


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "jobs.db")


@pytest.fixture
def turns(path: str) -> Iterator[list[Turn]]:
    made = [Turn(path, PATIENCE) for _ in range(2)]
    yield made
    for turn in made:
        turn.close()


def somebody_is_next(path: str) -> bool:
    lock = os.open(path + "-next", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def wait_until_somebody_is_next(path: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not somebody_is_next(path):
        assert time.monotonic() < limit
        time.sleep(0.001)


class TestOrder:
    def test_who_waits_comes_before_who_has_just_written(self, path: str, turns: list[Turn]) -> None:
        busy, patient = turns
        order: list[str] = []

        def wait() -> None:
            patient.take()
            order.append("patient")
            patient.give()

        busy.take()
        waiting = threading.Thread(target=wait)
        waiting.start()
        wait_until_somebody_is_next(path)
        busy.give()
        busy.take()
        order.append("busy")
        busy.give()
        waiting.join()
        assert order == ["patient", "busy"]

    def test_one_at_a_time(self, path: str) -> None:
        inside: list[int] = []
        most: list[int] = []

        def write(number: int) -> None:
            turn = Turn(path, PATIENCE)
            for _ in range(20):
                turn.take()
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)
                turn.give()
            turn.close()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(write, range(6)))
        assert most == [1] * 120


class TestPatience:
    def test_it_ends(self, path: str, turns: list[Turn]) -> None:
        impatient = Turn(path, 0.01)
        turns[0].take()
        with pytest.raises(sqlite3.OperationalError, match="^database is locked$"):
            impatient.take()
        turns[0].give()
        impatient.take()
        impatient.close()

    def test_who_gave_up_is_not_next(self, path: str, turns: list[Turn]) -> None:
        impatient = Turn(path, 0.01)
        turns[0].take()
        with pytest.raises(sqlite3.OperationalError):
            impatient.take()
        assert not somebody_is_next(path)
        impatient.close()


class TestNewStore:
    def test_opened_by_many_at_once(self, tmp_path: Path) -> None:
        for number in range(10):
            layout = Layout(str(tmp_path / str(number)))
            layout.create()
            together = threading.Barrier(8)
            with ThreadPoolExecutor(8) as pool:
                stores = list(pool.map(lambda _, at=layout, start=together: opened(at, start), range(8)))
            assert stores == ["wal"] * 8


def opened(layout: Layout, together: threading.Barrier) -> str:
    together.wait()
    store = Database(layout, create=True)
    mode = str(store.connection.execute("PRAGMA journal_mode").fetchone()[0])
    store.close()
    return mode
