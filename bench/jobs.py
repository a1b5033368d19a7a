"""What a job costs: jobs per second, delay, memory, and reading beside a long history.

    python bench/jobs.py [--jobs 200] [--rows 10 1000 100000] [--cores N]

"To finished" is the whole way: accepted and on disk, run in a process of its own, its end recorded and the client told.
The comparison is the way of the historical server, which is no engine: a `multiprocessing.Process` per job, forked
from a process that has the plugin imported, nothing recorded, nothing surviving.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from opsgate.backends.jobs import clocks, database, layout, locks, store, transitions
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Code, Command, Job, NewJob, Plugin, Query, Spec
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State

API = "hoplite"
GROUP = "bench.jobs"
PLUGIN = "def run(config, status):\n    status.update({'done': True})\n"


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        site = _install_plugin(Path(place) / "site")
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, queue of {options.cores} cores\n")
        asyncio.run(_run_jobs(Path(place) / "state", site, options.jobs, options.cores))
        _run_bare(options.jobs)
        print()
        asyncio.run(_measure_memory(Path(place) / "memory"))
        print()
        for rows in options.rows:
            asyncio.run(_read(Path(place) / f"rows-{rows}", rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the job engine.")
    parser.add_argument("--jobs", type=int, default=200, help="jobs per measurement")
    parser.add_argument("--rows", type=int, nargs="*", default=[10, 1000, 100_000], help="lengths of history")
    parser.add_argument("--cores", type=int, default=os.cpu_count(), help="cores of the queue")
    return parser.parse_args()


def _install_plugin(site: Path) -> str:
    info = site / "bench_plugin-1.dist-info"
    info.mkdir(parents=True)
    (info / "entry_points.txt").write_text(f"[{GROUP}]\ntrivial = bench_trivial_plugin\n")
    (site / "bench_trivial_plugin.py").write_text(PLUGIN)
    return str(site)


async def _run_jobs(root: Path, site: str, jobs: int, cores: int) -> None:
    engine = await Engine.open(Settings(root, cores=cores))
    kinds = {
        "program (true)": Spec(Command(("true",))),
        "plugin, reports once": Spec(Plugin(GROUP, "trivial"), sys_path=(site,)),
    }
    print(f"{'':28}{'clients':>8}{'jobs/s':>9}{'accepted':>11}{'to running':>12}{'to finished':>13}   (ms, median)")
    for kind, spec in kinds.items():
        await _clients(engine, spec, 1, 5)  # whatever is done for the first time only
        for clients in (1, 8):
            seconds, each = await _clients(engine, spec, clients, jobs)
            medians = [statistics.median(times) * 1000 for times in zip(*each, strict=True)]
            _row(kind, clients, jobs / seconds, medians)
    await engine.close()


def _row(kind: str, clients: int, rate: float, medians: list[float]) -> None:
    print(f"{kind:28}{clients:8}{rate:9.1f}{medians[0]:11.1f}{medians[1]:12.1f}{medians[2]:13.1f}")


async def _clients(engine: Engine, spec: Spec, clients: int, jobs: int) -> tuple[float, list[tuple[float, ...]]]:
    each: list[tuple[float, ...]] = []

    async def client() -> None:
        for _ in range(jobs // clients):
            each.append(await _one(engine, spec))  # noqa: PERF401 - one after the other is the point

    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.perf_counter() - start, each


async def _one(engine: Engine, spec: Spec) -> tuple[float, float, float]:
    start = time.perf_counter()
    job = (await engine.create(NewJob(API, "bench", spec), start=True)).job
    accepted = time.perf_counter() - start
    running = await engine.wait(API, job.id, 60, (State.RUNNING,))
    ended = await engine.wait(API, job.id, 60)
    if ended.exit_code != 0:
        raise RuntimeError(f"job {ended.id} ended with {ended.ending}")
    began = (running.started_at or 0) - (running.queued_at or 0)  # as recorded, since it may be over already
    return accepted, began, time.perf_counter() - start


def _run_bare(jobs: int) -> None:
    # As the historical server did; concurrency by threads, as its web server had it.
    context = multiprocessing.get_context("fork")

    def one(_: int) -> None:
        process = context.Process(target=_trivial)
        process.start()
        process.join()

    for clients in (1, 8):
        start = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(one, range(jobs)))
        print(f"{'bare multiprocessing.Process':28}{clients:8}{jobs / (time.perf_counter() - start):9.1f}")


def _trivial() -> None:
    """Do what the plugin does, and report to nobody."""


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


async def _read(root: Path, rows: int) -> None:
    engine = await Engine.open(Settings(root, seconds_between_tidying=600))
    await asyncio.to_thread(_fill, root, rows)
    some = await engine.jobs(API, Query(limit=1, offset=rows // 2))
    page = Query(limit=min(100, rows))
    deep = Query(limit=min(100, rows), offset=max(0, rows - 100))
    measured: dict[str, Callable[[], Awaitable[object]]] = {
        "get": lambda: engine.get(API, some[0].id),
        "first page of 100": lambda: engine.jobs(API, page),
        "last page, by offset": lambda: engine.jobs(API, deep),
        "last page, by after": lambda: engine.jobs(API, Query(limit=min(100, rows), after=max(0, rows - 100))),
        "newest 100 finished": lambda: engine.jobs(API, Query((State.FINISHED,), newest_first=True, limit=100)),
        "running ones": lambda: engine.jobs(API, Query((State.STARTING, State.RUNNING))),
        "total": lambda: engine.count(API),
        "total of a name": lambda: engine.count(API, Query(name="name-1")),
    }
    print(f"{rows} jobs stored:")
    for what, call in measured.items():
        print(f"    {what:24}{await _microseconds(call):10.0f} us")
    await engine.close()


def _fill(root: Path, rows: int) -> None:
    opened = database.Database(layout.Layout(str(root)))
    spec = Spec(Plugin(GROUP, "trivial", {"seconds": 3})).to_json(
        {"PATH": "/usr/bin", "HOME": "/root"}, "/usr/bin/python3"
    )
    for start in range(0, rows, 5000):
        with opened.change(durable=False) as db:
            for number in range(start, min(rows, start + 5000)):
                job_id = store.insert(db, NewJob(API, f"name-{number % 10}", Spec(Command(("true",)))), spec)
                transitions.finish(db, job_id, None, {"exit_code": 0, "waitstatus": 0, "duration": 0.1})
    opened.close()


async def _microseconds(call: Callable[[], Awaitable[object]]) -> float:
    times: list[float] = []
    end = time.perf_counter() + 0.5
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 2000):
        start = time.perf_counter()
        await call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


if __name__ == "__main__":
    main()
