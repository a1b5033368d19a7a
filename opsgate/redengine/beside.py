"""The scheduler beside a gateway that nobody but its user started: begun with it, kept running, ended with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec
import tomli_w

from opsgate.config import ConfigError
from opsgate.redengine import chosen
from opsgate.redengine.programs import program
from opsgate.settings import Settings
from opsgate.up.state import write_private

_LIMIT: Final = 75.0
"""Seconds that the scheduler, and the tasks it runs at its end, have."""


class Scheduler:
    """A context in which the scheduler runs. It also ends when this process is killed."""

    def __init__(self, settings: Settings) -> None:
        """Run it with these settings."""
        self._settings = settings
        self._owner = os.getpid()
        self._keeper: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Scheduler:
        """Start it.

        Raises:
            ConfigError: The user's session cannot be taken over.
        """
        file = self._write_settings()
        if self._settings.redengine.adopt:
            _adopt(file)
        keeper = [sys.executable, "-P", "-m", "opsgate.redengine.keeper", str(self._owner)]
        if command := program(self._settings, file, self._owner):
            self._keeper = subprocess.Popen([*keeper, *command], stdin=subprocess.DEVNULL)  # noqa: S603 - ours
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it. Gunicorn's workers come by here too, when they end: it is not theirs."""
        if os.getpid() != self._owner or self._keeper is None:
            return
        self._keeper.terminate()
        try:
            self._keeper.wait(_LIMIT)
        except subprocess.TimeoutExpired:
            self._keeper.kill()

    def _write_settings(self) -> Path:
        root = chosen.state_dir(self._settings)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = root / "scheduler.toml"
        write_private(file, tomli_w.dumps(msgspec.to_builtins(self._settings)))
        return file


def _adopt(settings: Path) -> None:
    """In a process of its own: what it opens must not be open when gunicorn forks its workers."""
    adopting = [sys.executable, "-P", "-m", "opsgate.redengine.adopting", str(settings)]
    done = subprocess.run(adopting, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise ConfigError(done.stderr.strip().rpartition("\n")[2].removeprefix("opsgate: "))
