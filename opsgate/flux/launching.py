"""Launchers, such as snakemake: programs beside the service that submit jobs of their own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
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
        self._running: set[asyncio.Task[int]] = set()

    async def launch(self, new: NewJob) -> None:
        """Start one.

        Raises:
            Invalid: The program cannot be run.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *new.command,
                stdin=asyncio.subprocess.DEVNULL,
                cwd=_directory(new.workdir),
                env=self._environment(new.envars),
                start_new_session=True,
            )
        except OSError as exc:
            raise Invalid(f"{new.command[0]!r} cannot be run: {exc.strerror}") from exc
        waiting = asyncio.create_task(process.wait())  # so that none is left as a zombie
        self._running.add(waiting)
        waiting.add_done_callback(self._running.discard)

    def _environment(self, own: Mapping[str, str]) -> dict[str, str]:
        uri = {"FLUX_URI": self._uri} if self._uri else {}
        return environment.compose({**environment.base(os.environ, _FLUX), **uri}, own)


def _directory(wanted: str | None) -> str | None:
    return wanted if wanted is None or Path(wanted).is_dir() else _ELSEWHERE
