"""Socket files that are gone while the service runs; tests/faults has what clients see of it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.gateway import Gateway, free_port
from tests.engines.waiting import until


@pytest.fixture
def place(tmp_path: Path) -> Path:
    directory = tmp_path / "d"
    directory.mkdir()
    return directory / "socket"


@pytest.fixture
def gateway(place: Path, tmp_path: Path) -> Iterator[Gateway]:
    port = free_port()
    arguments = ["serve", "--api=hoplite", "--workers=1", f"--bind=127.0.0.1:{port}", f"--bind=unix:{place}"]
    settings = {"OPSGATE_JOBS_STATE_DIR": str(tmp_path / "state"), "OPSGATE_SERVER_GRACEFUL_TIMEOUT": "2"}
    with Gateway(arguments, port, tmp_path / "log", settings) as running:
        yield running


def test_the_end_of_the_service_is_quiet_when_there_is_nothing_to_remove(gateway: Gateway, place: Path) -> None:
    shutil.rmtree(place.parent)
    assert gateway.stop() == 0
    assert "Error" not in gateway.log.read_text().replace("Error while closing socket", "")


def test_one_of_another_service_is_left_alone(gateway: Gateway, place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(place.with_name("other")))
        other.listen()
        place.with_name("other").rename(place)
        old = gateway.workers()
        os.kill(gateway.pid, signal.SIGHUP)
        until(lambda: (new := gateway.workers()) and not set(old) & set(new))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(place))
            other.settimeout(60)
            other.accept()[0].close()
