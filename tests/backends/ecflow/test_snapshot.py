"""What is kept with one state of the definition."""

from __future__ import annotations

import pytest

from opsgate.backends.ecflow.model import Definition, Server
from opsgate.backends.ecflow.port import NodeStatus, Why
from opsgate.backends.ecflow.snapshot import Snapshot
from opsgate.backends.errors import NotFound


@pytest.fixture
def snapshot() -> Snapshot:
    return Snapshot("2026-Nov-22 04:17:59", Definition(Server(), 1, 1, ()), 1000)


def status(snapshot: Snapshot, path: str) -> NodeStatus:
    return NodeStatus(path, "queued", "queued", Why([], []), snapshot.change)


class TestStatus:
    def test_is_worked_out_once(self, snapshot: Snapshot) -> None:
        first = snapshot.status("/s", lambda: status(snapshot, "/s"))
        assert snapshot.status("/s", lambda: status(snapshot, "/s")) is first
        assert snapshot.status("/t", lambda: status(snapshot, "/t")).path == "/t"

    def test_of_what_is_not_there_nothing_is_kept(self, snapshot: Snapshot) -> None:
        for _ in range(2):
            with pytest.raises(NotFound):
                snapshot.status("/s", lambda: status(snapshot, snapshot.node("/s").name))

    def test_only_some_are_kept(self, snapshot: Snapshot) -> None:
        first = snapshot.status("/0", lambda: status(snapshot, "/0"))
        for number in range(1000):
            snapshot.status(f"/{number}", lambda: first)
        assert snapshot.status("/0", lambda: status(snapshot, "/0")) is not first


class TestDocument:
    def test_the_oldest_make_room(self, snapshot: Snapshot) -> None:
        first = snapshot.document(1, lambda: b"x" * 600)
        assert snapshot.document(1, lambda: b"") is first
        snapshot.document(2, lambda: b"x" * 600)
        assert (snapshot.has(1), snapshot.has(2)) == (False, True)
