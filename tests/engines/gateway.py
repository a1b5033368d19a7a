"""A live gateway: `opsgate serve`, `opsgate up` or a drop-in command as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import httpx

_START = 120.0  # seconds
_STOP = 120.0


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Ours without settings of Opsgate and its engines, and with `extra`."""
    ours = ("OPSGATE_", "SUPERVISOR_", "ECF_", "FLUX_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # All tests come from one address, and many show wrong credentials.
    return {**kept, "OPSGATE_SERVER_MAX_FAILED_LOGINS": "0", **(extra or {})}


class Gateway:
    """Runs ``python -m opsgate ARGUMENTS`` and waits until it answers.

    Attributes:
        url: Where it listens.
        log: The file with all it prints.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        port: int,
        log: Path,
        environment: Mapping[str, str] | None = None,
        certificate: Path | None = None,
    ) -> None:
        """Start it; `arguments` must make it listen on `port`, with TLS if its certificate is given."""
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
        self._trust = ssl.create_default_context(cafile=certificate) if certificate else True
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "opsgate", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=clean_environment(environment),
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def _wait(self) -> None:
        end = time.monotonic() + _START
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=1, verify=self._trust).status_code == httpx.codes.OK:
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        raise RuntimeError(f"the gateway does not answer:\n{self.log.read_text()}")

    @property
    def pid(self) -> int:
        """The process that was started: gunicorn's master, or supervisord."""
        return self._process.pid

    def workers(self, at_least: int = 0) -> list[int]:
        """The process ids of gunicorn's workers, and of what else it has started.

        Args:
            at_least: How many are waited for: the first answers while gunicorn still starts the others.

        Raises:
            RuntimeError: There are fewer.
        """
        end = time.monotonic() + _START
        while len(children := self._children()) < at_least:
            if time.monotonic() > end:
                raise RuntimeError(f"{children} are all that the gateway has started:\n{self.log.read_text()}")
            time.sleep(0.02)
        return children

    def _children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def wait(self) -> int:
        """Its exit status, when it has ended by itself."""
        return self._process.wait(_STOP)

    def stop(self) -> int:
        """End it as an operator would, and return its exit status."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(_STOP)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            raise

    def __enter__(self) -> Gateway:
        """Use it as a context; it is stopped at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.stop()
