"""The keeper: its program runs for as long as its parent lives, whatever happens to the program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.waiting import until

PROGRAM = """
import os, pathlib, signal, sys, time
def leave(*_):
    pathlib.Path(sys.argv[1]).with_suffix('.left').touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
assert len(sys.argv) == 2
with open(sys.argv[1], 'a') as file:
    file.write(f'{os.getpid()}\\n')
time.sleep(600)
"""
PARENT = """
import os, subprocess, sys, time
keeper = subprocess.Popen([sys.executable, '-P', '-m', 'opsgate.redengine.keeper', str(os.getpid()), *sys.argv[1:]])
print(keeper.pid, flush=True)
time.sleep(600)
"""


class Kept:
    """A parent, a keeper and a program that notes its process id."""

    def __init__(self, directory: Path) -> None:
        self.notes = directory / "notes"
        program = [sys.executable, "-c", PROGRAM, str(self.notes)]
        self.parent = subprocess.Popen([sys.executable, "-c", PARENT, *program], stdout=subprocess.PIPE, text=True)
        assert self.parent.stdout
        self.keeper = int(self.parent.stdout.readline())
        until(lambda: len(self.pids()) == 1, "the program")

    def pids(self) -> list[int]:
        return [int(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []

    def end(self) -> None:
        """Leave nothing behind."""
        for pid in (self.parent.pid, self.keeper):
            if alive(pid):
                os.kill(pid, signal.SIGTERM)
        self.parent.wait()
        assert self.parent.stdout
        self.parent.stdout.close()
        until(lambda: not any(alive(pid) for pid in self.pids()), "their end")


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.end()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TestKeeper:
    def test_starts_it_again(self, kept: Kept) -> None:
        for count in (2, 3):
            os.kill(kept.pids()[-1], signal.SIGKILL)
            until(lambda count=count: len(kept.pids()) == count, "another program")  # type: ignore[misc]
        assert alive(kept.pids()[-1])

    @pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
    def test_ends_it_when_told_to(self, kept: Kept, signum: int) -> None:
        os.kill(kept.keeper, signum)
        until(lambda: not alive(kept.keeper), "the keeper's end")
        assert not alive(kept.pids()[0])
        assert kept.notes.with_suffix(".left").exists()

    def test_ends_it_when_the_parent_is_killed(self, kept: Kept) -> None:
        os.kill(kept.parent.pid, signal.SIGKILL)
        kept.parent.wait()
        until(lambda: not alive(kept.keeper), "the keeper's end")
        assert not alive(kept.pids()[0])
        assert kept.notes.with_suffix(".left").exists()


def test_the_scheduler_loads_no_web_service() -> None:
    """It is to be small, and there at once."""
    web = {"connexion", "starlette", "gunicorn"}
    script = f"import sys, opsgate.redengine.scheduler; print(sorted({web} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
