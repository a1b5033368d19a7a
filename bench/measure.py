"""What the benchmarks share: load by wrk, CPU time and memory from /proc, rounds that alternate between candidates."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Run:
    """One run of load.

    Attributes:
        rate: Requests per second.
        p50: Median latency, milliseconds.
        p99: 99th percentile of the latency, milliseconds.
        cpu: CPU time of the measured processes per request, milliseconds.
        failed: Answers that were not 2xx or 3xx, and broken connections.
    """

    rate: float
    p50: float
    p99: float
    cpu: float
    failed: int


def median(runs: Iterable[Run]) -> Run:
    """Each figure's median; failures are summed."""
    several = list(runs)

    def middle(name: str) -> float:
        return float(statistics.median(getattr(run, name) for run in several))

    return Run(middle("rate"), middle("p50"), middle("p99"), middle("cpu"), sum(run.failed for run in several))


def load(url: str, connections: int, seconds: int, pids: Sequence[int], script: Path | None = None) -> Run:
    """Send GET requests to `url` over `connections` kept-alive connections, and charge their CPU time to `pids`.

    Args:
        url: Where to.
        connections: How many.
        seconds: How long.
        pids: The processes that answer.
        script: A Lua script of wrk's that says what to request instead, one time after the other.
    """
    scripted = [] if script is None else ["-s", str(script)]
    before = cpu_seconds(pids)
    done = subprocess.run(
        [_wrk(), "--latency", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", *scripted, url],
        capture_output=True,
        text=True,
        check=True,
    )
    used = cpu_seconds(pids) - before
    text = done.stdout
    requests = int(_number(r"(\d+) requests in", text))
    return Run(
        rate=_number(r"Requests/sec:\s+([\d.]+)", text),
        p50=_time(r"50%\s+([\d.]+)(\w+)", text),
        p99=_time(r"99%\s+([\d.]+)(\w+)", text),
        cpu=1000 * used / max(requests, 1),
        failed=_failures(text),
    )


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time that the processes have used so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def resident_mib(pids: Iterable[int]) -> float:
    """Memory of the processes, shared pages counted in each, MiB."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * _PAGE / 2**20


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def _wrk() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    return found


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise SystemExit(f"wrk said something unexpected:\n{text}")
    return float(found[1])


def _time(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    return float(found[1]) * _UNITS[found[2]] if found else float("nan")


def _failures(text: str) -> int:
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    return (int(bad[1]) if bad else 0) + (sum(map(int, broken.groups())) if broken else 0)
