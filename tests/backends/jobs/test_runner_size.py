"""Runners stay small: what they import, how much memory they take, how soon they are there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import opsgate
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Command
from tests.backends.jobs.support import keeper_of, runner_of, start_running

pytestmark = pytest.mark.anyio

HEAVY = {
    "asyncio",
    "dataclasses",
    "importlib.metadata",
    "inspect",
    "logging",
    "pathlib",
    "socket",
    "subprocess",
}
IMPORT = "import sys; sys.path.append({root!r}); import {module}; print(*sys.modules)"


def modules_after(module: str) -> set[str]:
    """Return what is loaded in a bare interpreter after importing one of our modules."""
    root = str(Path(opsgate.__file__).parents[1])
    code = IMPORT.format(root=root, module=module)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


class TestImports:
    @pytest.mark.parametrize("module", ["runner.keeper", "child.call"])
    def test_nothing_heavy(self, module: str) -> None:
        loaded = modules_after(f"opsgate.backends.jobs.{module}")
        assert loaded & (HEAVY | {"typing"}) == set()

    def test_of_ours_only_what_a_runner_needs(self) -> None:
        ours = {name for name in modules_after("opsgate.backends.jobs.runner.keeper") if name.startswith("opsgate")}
        outside = {name for name in ours if not name.startswith("opsgate.backends.jobs")}
        assert outside == {"opsgate", "opsgate.backends"}
        assert "opsgate.backends.jobs.model" not in ours


class TestMemory:
    async def test_of_runner_and_keeper(self, engine: Engine) -> None:
        job = await start_running(engine, Command(("sleep", "600")))
        resident = {pid: resident_kilobytes(pid) for pid in (runner_of(engine, job), keeper_of(engine, job))}
        assert max(resident.values()) < 15 * 1024


def resident_kilobytes(pid: int) -> int:
    (line,) = [text for text in Path(f"/proc/{pid}/status").read_text().splitlines() if text.startswith("VmRSS")]
    return int(line.split()[1])
