"""A gateway in front of an engine that may be maltreated: what the sites of such APIs have in common."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import psutil

from tests.engines.gateway import Gateway, free_port
from tests.faults import harm
from tests.faults.clients import tcp


class Engine(Protocol):
    """A process that the service asks."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def running(self) -> bool:
        """Whether it runs."""

    def start(self) -> None:
        """Start it, again perhaps, and wait until it answers."""

    def terminate(self) -> None:
        """End it, and what it has started."""


class EngineSite(ABC):
    """`opsgate` with one API at its root, two workers, in front of an engine of its own.

    Attributes:
        directory: Where all of it is.
        engine: The engine.
        port: Where the service listens.
    """

    def __init__(self, directory: Path, engine: Engine, arguments: list[str], environment: Mapping[str, str]) -> None:
        """Start the service in front of an engine that runs; arguments and environment say which."""
        self.directory, self.engine, self.port = directory, engine, free_port()
        self._arguments = [*arguments, f"--port={self.port}", "--workers=2"]
        self._environment = {
            "OPSGATE_SERVER_GRACEFUL_TIMEOUT": "2",
            "TMPDIR": str(directory / "tmp"),
            **environment,
        }
        (directory / "tmp").mkdir()
        self._gateway: Gateway | None = None
        self.start()

    def start(self) -> None:
        """Start the service, again perhaps."""
        if self._gateway is not None:
            self._gateway.stop()  # it was killed
        self._gateway = Gateway(self._arguments, self.port, self.directory / "log", self._environment)

    @property
    def gateway(self) -> Gateway:
        """The running service."""
        assert self._gateway is not None
        return self._gateway

    def connect(self) -> http.client.HTTPConnection:
        """A connection to it."""
        return tcp(self.port)

    def pids(self, kind: str) -> list[int]:
        """A "worker", the "master", or the "engine"."""
        if kind == "engine":
            return [self.engine.pid]
        return [self.gateway.pid] if kind == "master" else self.gateway.workers()

    def litter(self) -> set[str]:
        """Temporary files, and what is beside the engine's own directory."""
        found = {*(self.directory / "tmp").rglob("*"), *self.directory.iterdir()}
        return {str(path.relative_to(self.directory)) for path in found}

    def close(self) -> None:
        """End the service and the engine."""
        self.gateway.stop()
        self.engine.terminate()

    def start_engine(self) -> None:
        """Start the engine, again perhaps, and wait until it answers."""
        self.engine.start()

    def rest(self) -> None:
        """Wait until the engine has looked after all that it started, which leaves its mark before it ends."""
        harm.wait(lambda: not psutil.Process(self.engine.pid).children())

    def kill_engine(self) -> None:
        """SIGKILL for the engine alone: what it has started goes on."""
        os.kill(self.engine.pid, signal.SIGKILL)
        harm.wait(lambda: not self.engine.running)

    @property
    @abstractmethod
    def place(self) -> str | int:
        """Where the engine listens: the path of a socket file, or a port."""


@contextmanager
def kill_engine(site: EngineSite) -> Iterator[None]:
    """SIGKILL for the engine; it is started again, as a supervisor would."""
    site.kill_engine()
    yield
    site.start_engine()


@contextmanager
def stranger(site: EngineSite) -> Iterator[None]:
    """The engine is killed, and another program listens in its place, which says something else; then it is started."""
    site.kill_engine()
    with _listening(site.place) as listener:
        over = threading.Event()
        thread = threading.Thread(target=_greet, args=(listener, over))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
    if isinstance(site.place, str):
        Path(site.place).unlink()
    site.start_engine()


@contextmanager
def _listening(place: str | int) -> Iterator[socket.socket]:
    if isinstance(place, str):
        Path(place).unlink(missing_ok=True)
    family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place if isinstance(place, str) else ("127.0.0.1", place))
        listener.listen(64)
        listener.settimeout(0.02)
        yield listener


def _greet(listener: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        with suppress(OSError):
            client, _ = listener.accept()
            with client:
                client.settimeout(1)
                client.recv(65_536)
                client.sendall(b"220 mail.example ESMTP\r\n")
