"""One table for the project: what each API is asked most, beside its original where that runs here, and bare Starlette.

    python -m bench [--rounds 3] [--seconds 2]

Eight connections; rounds that alternate between all candidates; the scripts of the single APIs say more. Originals
that cannot be installed here (ecflow_http, flux-restful-api with a Flux of its own) stand with the figures that are on
record for them, which were measured elsewhere.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import ecflow_load, ecflow_site, flux_sites, http, jobs_reads, measure, redengine_sites, supvisors
from bench.http_subjects import TRIVIAL
from bench.measure import Run

CONNECTIONS = 8
FAMILIES = 100  # of 100 tasks each: 10 000 nodes
TASKS = JOBS = 100
STORED = 1000
HOME = Path(__file__).parent.parent / ".bench" / "redengine"

Load = Callable[[int], Run]
"""Puts load on something for so many seconds."""


@dataclass
class Row:
    """A request.

    Attributes:
        what: API and request.
        ours: Our service.
        peer: What the original is called.
        theirs: The original, where it runs here.
        recorded: Its requests per second, where it does not.
        runs: What was measured of us and of them.
    """

    what: str
    ours: Load
    peer: str = ""
    theirs: Load | None = None
    recorded: float | None = None
    runs: tuple[list[Run], list[Run]] = field(default_factory=lambda: ([], []))

    def measure(self, seconds: int) -> None:
        """Add a round."""
        self.runs[0].append(self.ours(seconds))
        if self.theirs is not None:
            self.runs[1].append(self.theirs(seconds))


def _get(url: str, pids: list[int]) -> Load:
    return lambda seconds: measure.load(url, CONNECTIONS, seconds, pids)


def _rows(stack: ExitStack, place: Path) -> list[Row]:
    """Start everything."""
    starlette = stack.enter_context(http.running("Starlette", sys.executable))
    return [
        Row("bare Starlette, a constant", _get(starlette.url + TRIVIAL, [starlette.pid])),
        *_supvisors(stack, place),
        *_ecflow(stack, place),
        stack.enter_context(_hoplite(place)),
        *_flux(stack, place),
        *_redengine(stack, place),
    ]


def _supvisors(stack: ExitStack, place: Path) -> Iterator[Row]:
    directory = place / "supvisors"
    directory.mkdir()
    daemon = stack.enter_context(supvisors.daemon_running(directory))
    ours, theirs = (
        stack.enter_context(candidate(daemon, directory)) for candidate in (supvisors.opsgate, supvisors.supvisorsflask)
    )
    for read in ("supvisors_state", "getAllProcessInfo"):
        yield Row(
            f"Supvisors, {read}",
            lambda seconds, read=read: ours.run(read, CONNECTIONS, seconds),  # type: ignore[misc]
            "supvisorsflask 0.19.1",
            lambda seconds, read=read: theirs.run(read, CONNECTIONS, seconds),  # type: ignore[misc]
        )


def _ecflow(stack: ExitStack, place: Path) -> Iterator[Row]:
    site = stack.enter_context(ecflow_site.served(place / "ecflow", FAMILIES))
    for read, recorded in (("suites", 280.0), ("attributes", 280.0), ("big tree, full", 13.0)):
        url = site.url + ecflow_load.READS[read].path
        yield Row(f"ecFlow, {read}", _get(url, site.workers), "ecflow_http", recorded=recorded)


@contextmanager
def _hoplite(place: Path) -> Iterator[Row]:
    root = place / "hoplite"
    jobs_reads.fill(root, STORED)
    with jobs_reads.served(root) as (url, pid):
        yield Row("Hoplite, a job", _get(f"{url}/hoplite/jobs/{jobs_reads.job_id(STORED // 2)}", [pid]))


def _flux(stack: ExitStack, place: Path) -> Iterator[Row]:
    site = stack.enter_context(flux_sites.site(flux_sites.LOCAL, place / "flux"))
    site.fill(JOBS)
    number = site.ask("/jobs")["jobs"][0]["id"]
    for what, target, recorded in (
        (f"Flux on this machine, list of {JOBS} jobs", "/jobs", 85.0),
        ("Flux on this machine, a job", f"/jobs/{number}", 790.0),
    ):
        yield Row(what, _get(site.url + target, site.pids), "flux-restful-api", recorded=recorded)


def _redengine(stack: ExitStack, place: Path) -> Iterator[Row]:
    ours, theirs = (
        stack.enter_context(redengine_sites.site(name, place / f"red-{name}", HOME, TASKS))
        for name in (redengine_sites.OURS, redengine_sites.THEIRS)
    )
    for what, target in ((f"Red Engine, list of {TASKS} tasks", "/tasks"), ("Red Engine, a task", "/tasks/task-7")):
        own, peers = measure.family(ours.pid), measure.family(theirs.pid)
        yield Row(what, _get(ours.url + target, own), "redengine 1.2.0", _get(theirs.url + target, peers))


def _print(rows: list[Row]) -> None:
    base = measure.median(rows[0].runs[0])
    print("| at 8 connections | requests/s | p99 ms | CPU µs | ÷ Starlette | original | its requests/s | ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        own = measure.median(row.runs[0])
        if own.failed:
            raise SystemExit(f"{row.what}: {own.failed} requests failed")
        theirs, ratio = _compared(row, own)
        print(
            f"| {row.what} | {own.rate:.0f} | {own.p99:.1f} | {own.cpu * 1000:.0f} | {own.cpu / base.cpu:.1f} "
            f"| {row.peer} | {theirs} | {ratio} |"
        )


def _compared(row: Row, own: Run) -> tuple[str, str]:
    if row.recorded is not None:
        return f"{row.recorded:.0f}, on record", f"{own.rate / row.recorded:.0f}"
    if not row.runs[1]:
        return "", ""
    ratios = [mine.rate / other.rate for mine, other in zip(*row.runs, strict=True)]
    return (
        f"{measure.median(row.runs[1]).rate:.0f}",
        f"{statistics.median(ratios):.0f} ({min(ratios):.0f} to {max(ratios):.0f})",
    )


def main() -> None:
    """Run all rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="og-bench-")))
        rows = _rows(stack, place)
        for number in range(options.rounds):
            for row in rows:
                row.measure(options.seconds)
            print(f"round {number + 1} of {options.rounds}, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
        _print(rows)


if __name__ == "__main__":
    main()
