"""How fast is the ecFlow API, and what do changes and large definitions cost?

A real ecflow_server with a small suite and one of 10 000 nodes, `opsgate ecflow` with two workers, and bare Starlette
on the same gunicorn that serves the same bytes as constants, in rounds that alternate, at 1, 8 and 64 connections. Then
memory, the seconds until a change shows and until a large tree is made again, with 10 000 and 20 000 nodes, and the CPU
time of the workers while the server changes ten times a second.

    python -m bench.ecflow [--rounds 3] [--seconds 2] [--times 20] [--parts reads sizes appearance stream]

Needs ecflow-server, ecflow-client and wrk (scripts/debian-packages).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench import ecflow_changes, ecflow_load, ecflow_stream, measure
from bench.ecflow_load import BARE, CONNECTIONS, OURS, READS, Runs
from bench.ecflow_site import TASKS, Site, served

_FAMILIES = (101, 202)
_PARTS = ("reads", "sizes", "appearance", "stream")


def main() -> None:
    """Measure and print."""
    options = _options()
    version = subprocess.run(["ecflow_client", "--version"], capture_output=True, text=True, check=True).stdout
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {version.split(' boost')[0].strip()}\n")
    with tempfile.TemporaryDirectory(prefix="og-bench-") as place:
        if "sizes" in options.parts:
            _sizes(Path(place), options.times)
        with served(Path(place) / "main", _FAMILIES[0]) as site:
            if "appearance" in options.parts:
                _appearance(site, options.times)
            if "stream" in options.parts:
                _stream(site, options.seconds)
            if "reads" in options.parts:
                runs, sizes = ecflow_load.over_http(site, Path(place), options.rounds, options.seconds)
                _print_runs(runs, sizes)
                print(f"\nThereafter {_memory(site)}; load average {os.getloadavg()[0]:.1f}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=int, default=2, help="of each run of load; a stream is followed twice as long"
    )
    parser.add_argument("--times", type=int, default=20, help="changes that are waited for, one after the other")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=_PARTS)
    return parser.parse_args()


def _sizes(place: Path, times: int) -> None:
    print("| nodes | first full tree | unchanged, ms | after one changed node, ms | its CPU, ms | memory |")
    print("|---|---|---|---|---|---|")
    for families in _FAMILIES:
        with served(place / f"size-{families}", families) as site:
            first, again = ecflow_changes.first(site), ecflow_changes.again(site, times)
            measure.load(site.url + ecflow_changes.FULL, 8, 2, site.pids)  # so that both workers have it
            print(
                f"| {1 + families * (1 + TASKS)} | {first:.2f} s | {_milliseconds(again.unchanged)} "
                f"| {_milliseconds(again.changed)} | {1000 * again.cpu:.0f} | {_memory(site)} |"
            )
    _tell("sizes")


def _memory(site: Site) -> str:
    found = ecflow_changes.memory(site)
    return f"{found.resident:.0f} MiB resident in the larger worker, {found.share:.0f} its own share (PSS)"


def _appearance(site: Site, times: int) -> None:
    print("\n| a change by ecflow_client shows in | ms: median (lowest to highest) |\n|---|---|")
    for where, seconds in ecflow_changes.appearance(site, times).items():
        print(f"| {where} | {_milliseconds(seconds)} |")
    _tell("appearance")


def _stream(site: Site, seconds: int) -> None:
    watchers = list(ecflow_stream.WATCHERS)
    print(f"\n| {ecflow_stream.RATE} changes a second of | " + " | ".join(watchers) + " |")
    print("|---" * (1 + len(watchers)) + "|", end="")
    for kind, who, share in ecflow_stream.measured(site, 2 * seconds):
        if who == watchers[0]:
            print(f"\n| {kind}", end="")
        print(f" | {100 * share:.1f} %", end="", flush=True)
    print("\n")
    _tell("stream")


def _print_runs(runs: Runs, sizes: dict[str, int]) -> None:
    print("| request | bytes | connections | requests/s (min-max) | p50 ms | p99 ms | CPU us | ÷ bare | failed |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in dict.fromkeys(name for name, _, _ in runs):
        for connections in CONNECTIONS:
            ours = runs[name, connections, OURS]
            middle, rates = measure.median(ours), [run.rate for run in ours]
            print(
                f"| {name} | {sizes.get(name, '')} | {connections} "
                f"| {middle.rate:.0f} ({min(rates):.0f}-{max(rates):.0f}) | {middle.p50:.2f} | {middle.p99:.2f} "
                f"| {1000 * middle.cpu:.0f} | {_beside(runs, name, connections)} | {middle.failed} |"
            )
    print("\n| bare Starlette, 8 connections | requests/s | CPU us |\n|---|---|---|")
    for name in READS:
        bare = measure.median(runs[name, 8, BARE])
        print(f"| {name} | {bare.rate:.0f} | {1000 * bare.cpu:.0f} |")


def _beside(runs: Runs, name: str, connections: int) -> str:
    """CPU time per request divided by that of the yardstick's run beside it."""
    pairs = zip(runs[name, connections, OURS], runs.get((name, connections, BARE), []), strict=False)
    found = [ours.cpu / bare.cpu for ours, bare in pairs if bare.cpu]
    return f"{statistics.median(found):.1f}" if found else ""


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.1f} ({1000 * min(seconds):.1f} to {1000 * max(seconds):.1f})"


def _tell(what: str) -> None:
    print(f"{what}: done, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)


if __name__ == "__main__":
    main()
