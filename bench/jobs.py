"""What a job costs: jobs per second, delay, memory, and reading beside a long history.

    python -m bench.jobs [--rounds 3] [--seconds 2] [--rows 10 1000 100000] [--cores 2]

Ways to run the same trivial plugin, create to finished, by 1 and 8 clients that wait for each job: our engine; our
HTTP API (`opsgate hoplite` with its two workers, POST and a waiting GET); a bare `multiprocessing.Process` per job, as
the historical server had it, which is no engine: nothing is recorded, nothing survives; Celery with Redis as broker and
store, once with a process per job and once with its pool of processes that live on. Then single jobs and lists, read
over HTTP and in the engine, with so many jobs stored. Rounds are short and alternate between the candidates.

Needs wrk and redis-server (scripts/debian-packages), and installs Celery below .bench/.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from pathlib import Path

from bench import jobs_reads, measure
from bench.jobs_reads import ANY, ONE, OPERATION, STARLETTE, Runs
from bench.jobs_ways import API, PEER, Sample, all_ways
from opsgate.backends.jobs import clocks, layout, locks
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Code, Command, Job, NewJob, Spec
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State

CLIENTS = (1, 8)

Samples = dict[tuple[str, int], list[Sample]]
"""What was measured, by way and number of clients."""


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="og-bench-") as place:
        print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, queues of {options.cores} cores, beside {PEER}\n"
        )
        _print_jobs(_run_jobs(Path(place), options))
        asyncio.run(_measure_memory(Path(place) / "memory"))
        roots = {rows: Path(place) / f"rows-{rows}" for rows in options.rows}
        for rows, root in roots.items():
            jobs_reads.fill(root, rows)
        _print_reads(jobs_reads.over_http(roots, options.rounds, 1))
        _print_engine({rows: asyncio.run(jobs_reads.through_engine(root, rows)) for rows, root in roots.items()})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="of each run of jobs")
    parser.add_argument("--rows", type=int, nargs="*", default=[10, 1000, 100_000], help="lengths of history")
    parser.add_argument("--cores", type=int, default=2, help="jobs at the same time")
    return parser.parse_args()


def _run_jobs(place: Path, options: argparse.Namespace) -> Samples:
    samples: Samples = {}
    with all_ways(place, options.cores) as ways:
        for way in ways.values():
            way(1, 0.5)  # whatever is done for the first time only
        for number in range(options.rounds):
            for clients in CLIENTS:
                for name, way in ways.items():
                    samples.setdefault((name, clients), []).append(way(clients, options.seconds))
            _tell(f"jobs, round {number + 1}")
    return samples


def _tell(what: str) -> None:
    print(f"{what}: done, load {os.getloadavg()[0]:.1f}", file=sys.stderr)


def _print_jobs(samples: Samples) -> None:
    print("| way | clients | jobs/s (min-max) | to running, ms | to finished, ms |")
    print("|---|---|---|---|---|")
    for (name, clients), runs in samples.items():
        rates = [len(run.times) / run.seconds for run in runs]
        delay, whole = (_milliseconds([t for run in runs for t in times(run)]) for times in (_delays, _times))
        print(
            f"| {name} | {clients} | {statistics.median(rates):.1f} ({min(rates):.1f}-{max(rates):.1f}) "
            f"| {delay} | {whole} |"
        )
    print()


def _times(sample: Sample) -> list[float]:
    return sample.times


def _delays(sample: Sample) -> list[float]:
    return sample.delays


def _milliseconds(times: list[float]) -> str:
    return f"{statistics.median(times) * 1000:.0f}" if times else ""


def _print_reads(runs: Runs) -> None:
    _tell("reads")
    print(f"| request, {jobs_reads.CONNECTIONS} connections | jobs stored | requests/s | p99 ms | CPU us | / trivial |")
    print("|---|---|---|---|---|---|")
    names = dict.fromkeys(name for name, _ in runs)
    for name, rows in ((name, rows) for name in names for other, rows in runs if other == name):
        run, found = measure.median(runs[name, rows]), jobs_reads.ratios(runs, name, OPERATION, rows)
        print(
            f"| {name} | {rows} | {run.rate:.0f} | {run.p99:.1f} | {run.cpu * 1000:.0f} "
            f"| {statistics.median(found):.2f} ({min(found):.2f}-{max(found):.2f}) |"
        )
    for name in (ONE, ANY):
        for base in (OPERATION, STARLETTE):
            every = [
                ratio for other, rows in runs if other == name for ratio in jobs_reads.ratios(runs, name, base, rows)
            ]
            print(f"\n{name} / {base}: {statistics.median(every):.2f} at the median of {len(every)} pairs", end="")
    print("\n")


def _print_engine(found: dict[int, dict[str, float]]) -> None:
    print("| in the engine, us | " + " | ".join(f"{rows} jobs" for rows in found) + " |")
    print("|---" * (1 + len(found)) + "|")
    for what in next(iter(found.values()), {}):
        print(f"| {what} | " + " | ".join(f"{times[what]:.0f}" for times in found.values()) + " |")


async def _measure_memory(root: Path) -> None:
    engine = await Engine.open(Settings(root, cores=0))
    runs: list[Command | Code] = [Command(("sleep", "600")), Code("import time; time.sleep(600)")] * 5
    jobs = [(await engine.create(NewJob(API, "bench", Spec(run)), start=True)).job for run in runs]
    running = [await engine.wait(API, job.id, 60, (State.RUNNING,)) for job in jobs]
    await asyncio.sleep(1)
    pairs = [_helpers(engine, job) for job in running]
    for place, name in enumerate(("runner", "keeper")):
        found = [_memory(pair[place]) for pair in pairs]
        rss, pss = (statistics.median(each) / 1024 for each in zip(*found, strict=True))
        print(f"{name:28}{rss:8.1f} MB resident, {pss:.1f} MB as its share (PSS), of {len(jobs)} jobs at once")
    print()
    for job in running:
        await engine.kill(API, job.id, grace=0)
        await engine.wait(API, job.id, 60)
    await engine.close()


def _helpers(engine: Engine, job: Job) -> tuple[int, int]:
    runner = locks.holder(f"{engine.directory(job.id)}/{layout.LOCK}")
    stat = clocks.read_stat(runner) if runner else None
    if runner is None or stat is None:
        raise RuntimeError(f"job {job.id} has no runner")
    return runner, int(stat[1])


def _memory(pid: int) -> tuple[int, int]:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split()[0]: int(line.split()[1]) for line in lines[1:]}
    return sizes["Rss:"], sizes["Pss:"]


if __name__ == "__main__":
    main()
