"""First processes at their gate, by themselves: moments that a whole runner passes too quickly to be met."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# A runner up to the gate; the test's own lines see its Firsts; what the process came to is printed.
RUNNER = """
import json, os, select, signal, sys
from opsgate.backends.jobs.runner.ears import Ears
from opsgate.backends.jobs.runner.firsts import Firsts, open_outputs
directory = sys.argv[1] + "/jobs/00/some-job"
os.makedirs(directory)
spec = {"run": {"kind": "command", "argv": ["sh", "-c", "echo ran"]}, "environment": dict(os.environ), "tasks": 1}
spec |= {"limits": {}, "merge_output": False}
ears = Ears()
firsts = Firsts(spec, directory, "some-job", open_outputs(spec, directory), None)
(pid,) = firsts.pids
"""
REPORT = """
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(json.dumps([status, open(directory + "/stdout").read()]))
"""


def outcome(lines: str, state: Path) -> list[object]:
    done = subprocess.run(
        [sys.executable, "-c", RUNNER + lines + REPORT, str(state)],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    found: list[object] = json.loads(done.stdout)
    return found


class TestGate:
    def test_released(self, tmp_path: Path) -> None:
        assert outcome("firsts.release()", tmp_path) == [0, "ran\n"]

    def test_abandoned(self, tmp_path: Path) -> None:
        assert outcome("firsts.abandon()", tmp_path) == [0, ""]

    @pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGALRM"])
    def test_signal_right_after_the_fork_is_not_lost(self, tmp_path: Path, name: str) -> None:
        lines = f"os.kill(pid, signal.{name})\nfirsts.release()"
        assert outcome(lines, tmp_path) == [-signal.Signals[name], ""]

    def test_killed_before_the_release(self, tmp_path: Path) -> None:
        lines = "os.kill(pid, signal.SIGKILL)\nos.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)\nfirsts.release()"
        assert outcome(lines, tmp_path) == [-signal.SIGKILL, ""]

    def test_runner_killed_before_the_release(self, tmp_path: Path) -> None:
        # The shell that is the runner's parent outlives it and looks at what became of the process.
        lines = "print(pid, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)"
        done = subprocess.run(
            [sys.executable, "-c", RUNNER + lines, str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL  # its output ended: the process at the gate holds none of it open
        assert (tmp_path / "jobs/00/some-job/stdout").read_text() == ""
