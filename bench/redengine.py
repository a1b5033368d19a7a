"""How fast is the Red Engine API, beside the FlaskAPI of redengine 1.2.0, and what does its scheduler cost?

`opsgate redengine` with two workers and Red Engine's own API, in a virtual environment that is made where it is
missing, have the same tasks and as many log records. Reads and changes over HTTP in rounds that alternate between the
two, at 1 and 8 connections, all tasks disabled; then the CPU time of schedulers with nothing due; then the delay from
when a task is due until it is started. Red Engine's loop sleeps 0.1 s per cycle; by default it never does.

    python -m bench.redengine [--rounds 3] [--seconds 2] [--parts reads idle due] [--only TEXT] [--venv DIRECTORY]

Needs wrk (scripts/debian-packages).
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import measure, redengine_sites
from bench.measure import Run
from bench.redengine_sites import OURS, PEER, THEIRS, Site

CONNECTIONS = (1, 8)
LOADED = ((10, 0), (100, 0), (1000, 0), (10, 1000), (10, 10_000))
"""Tasks and log records of the sessions that are read."""
IDLE = (0, 10, 100, 1000)
WAITING = 100
_PARTS = ("reads", "idle", "due")
_HOME = Path(__file__).parent.parent / ".bench" / "redengine"
_PATCHES = """
local on, json = false, {["Content-Type"] = "application/json"}
local function patch()
  on = not on
  return wrk.format("PATCH", "/tasks/task-7", json, '{"disabled": ' .. tostring(on) .. '}')
end
"""
_PATCH = _PATCHES + "function request() return patch() end\n"
_SAME = _PATCH.replace("not on", "true")
_BY_TURNS = (
    _PATCHES
    + """
local turn = 0
function request()
  turn = turn + 1
  if turn % 2 == 1 then return patch() end
  return wrk.format("GET", "/tasks")
end
"""
)


@dataclass(frozen=True)
class Row:
    """A request.

    Attributes:
        name: As the table calls it.
        loaded: Tasks and log records of the session that is asked.
        target: Path and query.
        script: What wrk is to send instead.
    """

    name: str
    loaded: tuple[int, int]
    target: str
    script: str | None = None


ROWS = (
    Row("GET /tasks, 10 tasks", (10, 0), "/tasks"),
    Row("GET /tasks, 100 tasks", (100, 0), "/tasks"),
    Row("GET /tasks, 1000 tasks", (1000, 0), "/tasks"),
    Row("GET /tasks/{name}", (100, 0), "/tasks/task-7"),
    Row("GET /session, 100 tasks", (100, 0), "/session"),
    Row("PATCH disabled, another value each time", (100, 0), "/", _PATCH),
    Row("PATCH disabled, the value it has", (100, 0), "/", _SAME),
    Row("PATCH and GET /tasks by turns, 100 tasks", (100, 0), "/", _BY_TURNS),
    Row("GET /logs, 1000 records", (10, 1000), "/logs"),
    Row("GET /logs, 10 000 records", (10, 10_000), "/logs"),
    Row("GET /logs?action=fail, none of 10 000", (10, 10_000), "/logs?action=fail"),
    Row("GET /logs?timestamp$min=…, none of 10 000", (10, 10_000), "/logs?timestamp$min=2100-01-01"),
    Row("GET /logs?task_name$regex=…, none of 10 000", (10, 10_000), "/logs?task_name$regex=no.such"),
)
Runs = dict[tuple[Row, int, str], list[Run]]


def main() -> None:
    """Measure and print."""
    options = _options()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, beside {', '.join(PEER)}\n")
    with tempfile.TemporaryDirectory(prefix="og-bench-") as place:
        if "reads" in options.parts:
            _print_reads(_reads(Path(place) / "reads", options))
        if "idle" in options.parts:
            _idle(Path(place) / "idle", options)
        if "due" in options.parts:
            _due(Path(place) / "due", options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each run of load")
    parser.add_argument("--idle", type=float, default=15, help="seconds that idle schedulers are watched")
    parser.add_argument("--due", type=float, default=20, help="seconds between two runs of each of a hundred tasks")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--only", default="", help="of the requests those with this in their name")
    parser.add_argument("--venv", type=Path, default=_HOME, help="where Red Engine is, or is to be installed")
    return parser.parse_args()


def _reads(place: Path, options: argparse.Namespace) -> Runs:
    runs: Runs = {}
    place.mkdir()
    with ExitStack() as stack:
        sites = {
            (loaded, name): stack.enter_context(
                redengine_sites.site(name, place / f"{name}-{index}", options.venv, *loaded, disabled=True)
            )
            for index, loaded in enumerate(LOADED)
            for name in (OURS, THEIRS)
        }
        rows = [row for row in ROWS if options.only in row.name]
        for number in range(options.rounds):
            for row, connections, name in ((r, c, n) for r in rows for c in CONNECTIONS for n in (OURS, THEIRS)):
                run = _load(sites[row.loaded, name], row, connections, options.seconds, place)
                runs.setdefault((row, connections, name), []).append(run)
            _tell(f"reads, round {number + 1}")
    return runs


def _load(site: Site, row: Row, connections: int, seconds: int, place: Path) -> Run:
    script = None
    if row.script is not None:
        script = place / "requests.lua"
        script.write_text(row.script)
    run = measure.load(site.url + row.target, connections, seconds, measure.family(site.pid), script)
    if run.failed:
        print(f"{row.name}: {run.failed} requests to {site.name} failed", file=sys.stderr)
    return run


def _print_reads(runs: Runs) -> None:
    columns = "requests/s | p50, p99 ms | CPU ms"
    print(f"| request | connections | opsgate, {columns} | FlaskAPI, {columns} | times |")
    print("|---" * 9 + "|")
    for row in dict.fromkeys(row for row, _, _ in runs):
        for connections in CONNECTIONS:
            ours, theirs = (runs[row, connections, name] for name in (OURS, THEIRS))
            times = [mine.rate / max(other.rate, 0.1) for mine, other in zip(ours, theirs, strict=True)]
            print(
                f"| {row.name} | {connections} | {_told(ours)} | {_told(theirs)} "
                f"| {statistics.median(times):.1f} ({min(times):.1f}-{max(times):.1f}) |"
            )
    print()


def _told(runs: list[Run]) -> str:
    middle, rates = measure.median(runs), [run.rate for run in runs]
    return (
        f"{middle.rate:.0f} ({min(rates):.0f}-{max(rates):.0f}) | {middle.p50:.2f}, {middle.p99:.2f} | {middle.cpu:.3f}"
    )


def _idle(place: Path, options: argparse.Namespace) -> None:
    """All sizes of one candidate at the same time: it is their CPU time that is looked at."""
    print("| CPU with nothing due, % of a core | " + " | ".join(f"{tasks} tasks" for tasks in IDLE) + " |")
    print("|---" * (1 + len(IDLE)) + "|")
    for name in (OURS, THEIRS):
        with ExitStack() as stack:
            sites = [
                stack.enter_context(redengine_sites.site(name, place / f"{name}-{tasks}", options.venv, tasks))
                for tasks in IDLE
            ]
            time.sleep(3)  # whatever is still to do for the last change
            watched = {name: [[site.scheduler] for site in sites]}
            if name == OURS:
                watched["the same, with its gateway"] = [measure.family(site.pid) for site in sites]
            before = {what: [measure.cpu_seconds(pids) for pids in each] for what, each in watched.items()}
            time.sleep(options.idle)
            for what, each in watched.items():
                used = [measure.cpu_seconds(pids) - at for pids, at in zip(each, before[what], strict=True)]
                print(f"| {what} | " + " | ".join(f"{100 * seconds / options.idle:.2f}" for seconds in used) + " |")
    print()
    _tell("idle")


def _due(place: Path, options: argparse.Namespace) -> None:
    print("| from due to started, ms | runs | median | 90 % | most |\n|---|---|---|---|---|")
    for name in (OURS, THEIRS):
        with redengine_sites.site(name, place / f"{name}-one", options.venv, WAITING) as site:
            _create(site, "tick", 1)
            time.sleep(options.due)
            _print_delays(f"{name}: one every second, {WAITING} that wait", _delays(site, "tick", 1))
        with redengine_sites.site(name, place / f"{name}-all", options.venv, 0) as site:
            for number in range(WAITING):
                _create(site, f"task-{number}", options.due)
                time.sleep(options.due / WAITING)
            time.sleep(options.due + 3)
            delays = [delay for number in range(WAITING) for delay in _delays(site, f"task-{number}", options.due)]
            _print_delays(f"{name}: {WAITING}, each every {options.due:g} s", delays)
    _tell("due")


def _create(site: Site, name: str, seconds: float) -> None:
    site.create(name, **{"class": "CommandTask", "command": ["true"], "start_cond": f"every {seconds:g} s"})


def _delays(site: Site, name: str, seconds: float) -> Iterator[float]:
    """Milliseconds by which the starts of a task are further apart than they should be."""
    starts = [float(record["created"]) for record in site.ask(f"/logs?task_name={name}&action=run")]
    return (1000 * (start - last - seconds) for last, start in itertools.pairwise(starts))


def _print_delays(what: str, delays: Iterator[float] | list[float]) -> None:
    found = sorted(delays)
    if not found:
        raise SystemExit(f"{what}: nothing ran")
    nine = found[len(found) * 9 // 10]
    print(f"| {what} | {len(found)} | {statistics.median(found):.0f} | {nine:.0f} | {found[-1]:.0f} |")


def _tell(what: str) -> None:
    print(f"{what}: done, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
