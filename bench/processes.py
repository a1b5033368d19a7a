"""Programs that a benchmark needs beside it: started, waited for, stopped by their own id."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(command: Sequence[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[int]:
    """Run a program and yield its pid; its output goes to `log`, its environment is ours with `environment`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPSGATE_", "SUPERVISOR_"))}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env={**clean, **(environment or {})}
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def until(ready: Callable[[], bool], log: Path, seconds: float = 60) -> None:
    """Wait until `ready` answers true; refused connections are false."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if ready():
                return
        except ConnectionError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"something that the benchmark needs did not start:\n{log.read_text()}")


def is_listening(port: int) -> bool:
    """Tell whether somebody listens on a port of this machine."""
    with socket.create_connection(("127.0.0.1", port), 5):
        return True


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
