"""Launchers, such as snakemake: programs beside the service that submit jobs of their own."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from opsgate.backends.errors import Invalid
from opsgate.backends.flux.port import NewJob
from opsgate.backends.jobs import environment

_FLUX: Final = ("FLUX_URI",)
"""What a launcher needs of our environment beside what every job gets: where to submit."""
_ELSEWHERE: Final = "/tmp"  # noqa: S108 - as for jobs whose directory is not there


class Launchers:
    """Starts them. They outlive the worker that did; what they write goes where the service's own log goes.

    Args:
        uri: The Flux instance that they are to use; empty for that of the environment.
    """

    def __init__(self, uri: str = "") -> None:
        self._uri = uri

    async def launch(self, new: NewJob) -> None:
        """Start one.

        Raises:
            Invalid: The program cannot be run.
        """
        try:
            await asyncio.to_thread(_start, new.command, _directory(new.workdir), self._environment(new.envars))
        except OSError as exc:
            raise Invalid(f"{new.command[0]!r} cannot be run: {exc.strerror}") from exc

    def _environment(self, own: Mapping[str, str]) -> dict[str, str]:
        uri = {"FLUX_URI": self._uri} if self._uri else {}
        return environment.compose({**environment.base(os.environ, _FLUX), **uri}, own)


def _start(command: Sequence[str], directory: str | None, env: Mapping[str, str]) -> None:
    # Not asyncio's subprocesses: those belong to the event loop, and are killed when they are forgotten after its end.
    program = subprocess.Popen(  # noqa: S603 - what it is for
        command, stdin=subprocess.DEVNULL, cwd=directory, env=env, start_new_session=True
    )
    threading.Thread(target=program.wait, name="launcher", daemon=True).start()  # so that none is left as a zombie


def _directory(wanted: str | None) -> str | None:
    return wanted if wanted is None or Path(wanted).is_dir() else _ELSEWHERE
