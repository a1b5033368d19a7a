"""Real Flux instances, each with a run directory of its own, where Flux is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from opsgate.backends.errors import Unavailable
from opsgate.backends.flux.broker import bindings

_POLL: Final = 0.05
_SECONDS: Final = 60.0
_CONFIGURATION: Final = """\
[resource]
noverify = true
[[resource.config]]
hosts = "{host}"
cores = "0-{last}"
"""


def missing() -> str | None:
    """Return why no instance can be started here; None if one can."""
    try:
        bindings.load()
    except Unavailable as error:
        return error.message
    return None if shutil.which("flux") else "the command `flux` is not on PATH"


class FluxInstance:
    """One instance on this machine.

    Args:
        directory: Where it keeps its socket and its configuration; a short path.
        cores: How many cores each broker says it has; as many as there are, if not given.
        size: How many brokers it has.
    """

    def __init__(self, directory: Path, *, cores: int | None = None, size: int = 1) -> None:
        self.directory = directory
        self.uri = f"local://{directory}/local-0"
        self._cores, self._size = cores, size
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, program: Sequence[str] = ("sleep", "inf"), environment: Mapping[str, str] | None = None) -> None:
        """Start it, with what it is to run, and wait until jobs can be submitted."""
        process = self.launch(program, environment)
        end = time.monotonic() + _SECONDS
        while not self._answers():
            assert process.poll() is None, "flux start ended"
            assert time.monotonic() < end, "flux start did not come up"
            time.sleep(_POLL)

    def launch(self, program: Sequence[str], environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start it without waiting for it; return the process of `flux start`."""
        self.directory.mkdir(parents=True, exist_ok=True)
        options = [f"--test-size={self._size}", f"--test-rundir={self.directory}"]
        if self._cores:
            file = self.directory.parent / "flux.toml"
            file.write_text(_CONFIGURATION.format(host=socket.gethostname(), last=self._cores - 1))
            options.append(f"--config-path={file}")
        variables = {**os.environ, **(environment or {})}
        self._process = subprocess.Popen(["flux", "start", *options, *program], env=variables, stdin=subprocess.DEVNULL)
        return self._process

    def wait(self) -> int:
        """Wait until it has ended by itself; return the exit status of `flux start`."""
        assert self._process is not None
        return self._process.wait(_SECONDS)

    def run(self, *command: str) -> str:
        """Run a `flux` command in it; return what it printed."""
        environment = {**os.environ, "FLUX_URI": self.uri}
        done = subprocess.run(["flux", *command], env=environment, check=True, capture_output=True, text=True)
        return done.stdout

    @property
    def broker(self) -> int:
        """The process id of its first broker."""
        return int(self.run("getattr", "broker.pid"))

    def kill(self) -> None:
        """End it without any notice, jobs and all."""
        assert self._process is not None
        broker = self.broker
        for pid in (broker, *_descendants(broker)):  # what it runs would live on
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is None or self._process.poll() is not None:
            return
        with suppress(subprocess.CalledProcessError):
            self.run("shutdown", "--quiet")
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def _answers(self) -> bool:
        """Whether it has come so far that it runs its program."""
        try:
            handle = bindings.load().open(self.uri)
            return bool(handle.rpc("state-machine.get").get()["state"] == "run")
        except OSError:
            return False


def _descendants(pid: int) -> list[int]:
    """The processes below one."""
    found: list[int] = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            for child in map(int, (thread / "children").read_text().split()):
                found += [child, *_descendants(child)]
    return found


class Shared:
    """One instance for many tests, started with the first that needs it."""

    def __init__(self, cores: int) -> None:
        self._cores = cores
        self._instance: FluxInstance | None = None

    def __call__(self) -> FluxInstance:
        if self._instance is None:
            directory = Path(tempfile.mkdtemp(prefix="flux-"))
            self._instance = FluxInstance(directory / "run", cores=self._cores)
            self._instance.start()
        return self._instance

    def stop(self) -> None:
        """End it, if it was started."""
        if self._instance is not None:
            self._instance.stop()
            shutil.rmtree(self._instance.directory.parent, ignore_errors=True)
            self._instance = None
