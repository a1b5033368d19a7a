"""How fast is the Flux API, on its own engine and on a real Flux?

`opsgate flux` with two workers in front of the local engine, and, where Flux's bindings and the command `flux` are
found, in front of a Flux instance that is started for this: no instance of anybody else gets jobs. Beside it what the
bindings give to one process that asks and waits, as the original does for each request. Rounds that alternate between
them, at 1 and 8 connections: lists of 0, 100 and 1000 jobs, one job, nodes, a list while jobs come and go; and
submissions, at 64 connections too, each run of them to a service and an engine that are new.

    python -m bench.flux [--rounds 3] [--seconds 2] [--parts reads submit]

Needs wrk (scripts/debian-packages); for Flux its command on PATH and its bindings on PYTHONPATH (docs/flux-broker.md).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import flux_sites, measure
from bench.flux_sites import BINDINGS, FLUX, LOCAL, SUBMIT, Site
from bench.measure import Run

CONNECTIONS = (1, 8)
SUBMITTERS = (1, 8, 64)
SIZES = (0, 100, 1000)
_PARTS = ("reads", "submit")
_SECONDS_BETWEEN_SUBMISSIONS = 0.1


@dataclass(frozen=True)
class Row:
    """A request.

    Attributes:
        what: Method and path.
        jobs: How many the engine has.
        busy: Whether ten jobs a second come meanwhile.
    """

    what: str
    jobs: int
    busy: bool = False

    def __str__(self) -> str:
        """As the table calls it."""
        return f"{self.what}, {self.jobs} jobs" + (", ten more each second" if self.busy else "")


ROWS = (
    Row("GET nodes", 100),
    Row("GET jobs", 0),
    Row("GET jobs", 100),
    Row("GET jobs", 1000),
    Row("GET jobs/{id}", 1000),
    Row("GET jobs", 1000, busy=True),
)
Runs = dict[tuple[str, int, str], list[Run]]


def main() -> None:
    """Measure and print."""
    options = _options()
    engines = [LOCAL] if flux_sites.no_flux() else [LOCAL, FLUX]
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {flux_sites.versions()}\n")
    with tempfile.TemporaryDirectory(prefix="og-", ignore_cleanup_errors=True) as place:
        runs: Runs = {}
        if "submit" in options.parts:
            _submit(runs, engines, Path(place), options)
        if "reads" in options.parts:
            _read(runs, engines, Path(place), options)
        _print(runs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each run of load")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS)
    return parser.parse_args()


def _submit(runs: Runs, engines: list[str], place: Path, options: argparse.Namespace) -> None:
    script = place / "post.lua"
    script.write_text('wrk.method = "POST"\n')
    for number in range(options.rounds):
        for held in ("", "&urgency=0"):
            what = f"{SUBMIT}, held" if held else SUBMIT
            for connections in SUBMITTERS:
                for engine in engines:
                    with flux_sites.site(engine, place / f"{number}{engine[0]}{connections}{held[1:2]}") as site:
                        target = f"/v1/jobs/submit?command=true{held}"
                        _add(runs, what, connections, engine, site.load(target, connections, options.seconds, script))
            if FLUX in engines and not held:
                with flux_sites.site(FLUX, place / f"{number}b") as site:
                    _add(runs, what, 1, BINDINGS, flux_sites.by_bindings(_uri(site), SUBMIT, options.seconds))
        _tell(f"submissions, round {number + 1}")


def _read(runs: Runs, engines: list[str], place: Path, options: argparse.Namespace) -> None:
    with ExitStack() as stack:
        sites = {
            (engine, jobs): stack.enter_context(flux_sites.site(engine, place / f"{engine[0]}{jobs}"))
            for engine in engines
            for jobs in SIZES
        }
        for (engine, jobs), site in sites.items():
            site.fill(jobs)
            _tell(f"{engine}: {jobs} jobs")
        for number in range(options.rounds):
            for row in ROWS:
                for connections in CONNECTIONS:
                    for engine in engines:
                        run = _load(row, sites[engine, row.jobs], connections, options.seconds)
                        _add(runs, str(row), connections, engine, run)
                if FLUX in engines and not row.busy:
                    uri = _uri(sites[FLUX, row.jobs])
                    _add(runs, str(row), 1, BINDINGS, flux_sites.by_bindings(uri, row.what, options.seconds))
            _tell(f"reads, round {number + 1}")


def _load(row: Row, site: Site, connections: int, seconds: int) -> Run:
    target = row.what.removeprefix("GET ")
    if "{id}" in target:
        target = target.format(id=site.ask("/jobs?limit=1")["jobs"][0]["id"])
    if not row.busy:
        return site.load(f"/v1/{target}", connections, seconds)
    with _jobs_come(site):
        return site.load(f"/v1/{target}", connections, seconds)


@contextmanager
def _jobs_come(site: Site) -> Iterator[None]:
    over = threading.Event()

    def submit() -> None:
        while not over.wait(_SECONDS_BETWEEN_SUBMISSIONS):
            site.submit()

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _uri(site: Site) -> str:
    assert site.uri
    return site.uri


def _add(runs: Runs, what: str, connections: int, who: str, run: Run) -> None:
    if run.failed:
        print(f"{what}, {connections} connections, {who}: {run.failed} requests failed", file=sys.stderr)
    runs.setdefault((what, connections, who), []).append(run)


def _print(runs: Runs) -> None:
    print("| request | connections | engine | requests/s (min-max) | p50 ms | p99 ms | CPU ms/request | failed |")
    print("|---|---|---|---|---|---|---|---|")
    for (what, connections, who), several in runs.items():
        middle, rates = measure.median(several), [run.rate for run in several]
        print(
            f"| {what} | {connections} | {who} | {middle.rate:.0f} ({min(rates):.0f}-{max(rates):.0f}) "
            f"| {middle.p50:.2f} | {middle.p99:.2f} | {middle.cpu:.3f} | {middle.failed} |"
        )


def _tell(what: str) -> None:
    print(f"{what}: done, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
