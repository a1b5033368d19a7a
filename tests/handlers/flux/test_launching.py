"""Launchers are processes of their own."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.flux.port import NewJob
from opsgate.flux.launching import Launchers
from tests.engines.outcomes import until

SCRIPT = "echo $$ >told.new; mv told.new told; while ! [ -e go ]; do sleep 0.02; done; touch gone"


def test_outlive_the_event_loop_and_leave_no_zombie(tmp_path: Path) -> None:
    async def exists(name: str) -> bool:
        return (tmp_path / name).exists()

    async def launch() -> int:
        await Launchers().launch(NewJob(("/bin/sh", "-c", SCRIPT), workdir=str(tmp_path)))
        await until(lambda: exists("told"), True)
        return int((tmp_path / "told").read_text())

    pid = asyncio.run(launch())
    gc.collect()
    (tmp_path / "go").touch()
    asyncio.run(until(lambda: exists("gone"), True))
    asyncio.run(until(lambda: is_known(pid), False))


async def is_known(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_that_cannot_be_run(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"'/no/such/snakemake' cannot be run: No such file or directory"):
        asyncio.run(Launchers().launch(NewJob(("/no/such/snakemake",), workdir=str(tmp_path))))
