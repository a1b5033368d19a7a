"""The ways to run a trivial job that `bench.jobs` compares. All run the same plugin, which reports once and ends."""

from __future__ import annotations

import asyncio
import http.client
import importlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import processes
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Command, NewJob, Plugin, Spec
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State

API = "hoplite"
GROUP = "hoplite.jobs"
MODULE = "bench_trivial_plugin"
PLUGIN = "def run(config, status):\n    status.update({'done': True})\n"
PEER = ("celery==5.7.0", "redis==8.1.0")
MISSED = ("packaging",)  # kombu imports it without asking for it
PEER_HOME = Path(__file__).parent.parent / ".bench" / "celery"
TASKS = Path(__file__).with_name("celery_tasks.py")


@dataclass(frozen=True)
class Sample:
    """What clients saw that created one job after the other and waited for each.

    Attributes:
        seconds: How long they did.
        times: Of each job, seconds from creating it to knowing that it is over.
        delays: Of each job, seconds from being queued to running, as recorded; empty where nothing is.
    """

    seconds: float
    times: list[float]
    delays: list[float]


Way = Callable[[int, float], Sample]
"""Runs jobs by so many clients for so many seconds."""


def install_plugin(site: Path) -> Path:
    """Lay the plugin into a directory, as pip would."""
    info = site / "bench_plugin-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench_plugin\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\ntrivial = {MODULE}\n")
    (site / f"{MODULE}.py").write_text(PLUGIN)
    return site


@contextmanager
def all_ways(place: Path, cores: int) -> Iterator[dict[str, Way]]:
    """Start what the ways need below `place`, and stop it at the end."""
    site = install_plugin(place / "site")
    with ExitStack() as stack:
        ways = stack.enter_context(_engine(place / "engine", site, cores))
        ways["HTTP, plugin"] = stack.enter_context(_gateway(place, site, cores))
        ways["bare Process, plugin"] = _bare(site)
        broker = stack.enter_context(_redis(place))
        for name, options in (("process per job", ["--max-tasks-per-child=1"]), ("pool", [])):
            celery = _celery(place / f"celery-{len(ways)}", site, broker + str(len(ways)), cores, options)
            ways[f"Celery, {name}"] = stack.enter_context(celery)
        yield ways


@contextmanager
def _engine(root: Path, site: Path, cores: int) -> Iterator[dict[str, Way]]:
    with asyncio.Runner() as runner:
        engine = runner.run(_opened(Settings(root, cores=cores)))

        def way(spec: Spec) -> Way:
            return lambda clients, seconds: runner.run(_run_on_engine(engine, spec, clients, seconds))

        yield {
            "engine, program (true)": way(Spec(Command(("true",)))),
            "engine, plugin": way(Spec(Plugin(GROUP, "trivial"), sys_path=(str(site),))),
        }
        runner.run(engine.close())


async def _opened(settings: Settings) -> Engine:
    return await Engine.open(settings)


async def _run_on_engine(engine: Engine, spec: Spec, clients: int, seconds: float) -> Sample:
    begin, times, delays = time.perf_counter(), list[float](), list[float]()

    async def client() -> None:
        while (start := time.perf_counter()) - begin < seconds:
            job = (await engine.create(NewJob(API, "bench", spec), start=True)).job
            job = await engine.wait(API, job.id, 60, (State.FINISHED,))
            if job.exit_code != 0:
                raise RuntimeError(f"job {job.id} ended with {job.ending}")
            times.append(time.perf_counter() - start)
            delays.append((job.started_at or 0) - (job.queued_at or 0))

    await asyncio.gather(*(client() for _ in range(clients)))
    return Sample(time.perf_counter() - begin, times, delays)


@contextmanager
def _gateway(place: Path, site: Path, cores: int) -> Iterator[Way]:
    port, log = processes.free_port(), place / "gateway.log"
    environment = {
        "OPSGATE_JOBS_STATE_DIR": str(place / "gateway"),
        "OPSGATE_JOBS_CORES": str(cores),
        "OPSGATE_HOPLITE_PLUGIN_PATHS": str(site),
    }
    command = [sys.executable, "-m", "opsgate", "hoplite", "-p", str(port)]
    with processes.running(command, log, environment):
        processes.until(lambda: processes.is_listening(port), log)
        yield lambda clients, seconds: _by_threads(clients, seconds, lambda: _over_http(port))


def _over_http(port: int) -> Callable[[], float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=70)
    body = json.dumps({"plugin_name": "trivial", "run": True})

    def ask(method: str, path: str, body: str | None = None) -> dict[str, Any]:
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        read: dict[str, Any] = json.loads(answer.read())
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {read}")
        return read

    def one() -> float:
        job = ask("POST", "/jobs", body)
        job = ask("GET", f"/jobs/{job['uuid']}?wait=60")
        if job["exit_code"] != 0:
            raise RuntimeError(f"a job ended with {job}")
        return float(job["started_at"] - job["created_at"])

    return one


def _bare(site: Path) -> Way:
    # As the historical server did; concurrency by threads, as its web server had it.
    sys.path.insert(0, str(site))
    plugin, context = importlib.import_module(MODULE), multiprocessing.get_context("fork")

    def one() -> None:
        process = context.Process(target=plugin.run, args=({}, {}))  # a dictionary: reports to nobody
        process.start()
        process.join()

    return lambda clients, seconds: _by_threads(clients, seconds, lambda: one)


def _by_threads(clients: int, seconds: float, client: Callable[[], Callable[[], float | None]]) -> Sample:
    begin, times, delays, failures = time.perf_counter(), list[float](), list[float](), list[Exception]()

    def loop() -> None:
        one = client()
        try:
            while (start := time.perf_counter()) - begin < seconds:
                delay = one()
                times.append(time.perf_counter() - start)
                delays.extend([] if delay is None else [delay])
        except Exception as exc:
            failures.append(exc)

    threads = [threading.Thread(target=loop) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        raise failure
    return Sample(time.perf_counter() - begin, times, delays)


@contextmanager
def _redis(place: Path) -> Iterator[str]:
    """A broker of our own, all in memory.

    Yields:
        The address of its databases, without their number.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("redis-server is missing: scripts/debian-packages redis-server")
    port, log = processes.free_port(), place / "redis.log"
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(place)]
    with processes.running(command, log):
        processes.until(lambda: processes.is_listening(port), log)
        yield f"redis://127.0.0.1:{port}/"


@contextmanager
def _celery(place: Path, site: Path, broker: str, cores: int, options: list[str]) -> Iterator[Way]:
    place.mkdir()
    shutil.copy(TASKS, site)  # beside the plugin: in its own directory, our http.py would hide that of Python
    python, log = _peer_python(), place / "worker.log"
    environment = {"BENCH_BROKER": broker, "PYTHONPATH": str(site)}
    command = [str(python), "-P", "-m", "celery", "-A", "celery_tasks", "worker", f"--concurrency={cores}", "-n", "w@b"]
    with processes.running([*command, "--loglevel=info", *options], log, environment):
        processes.until(lambda: "ready." in log.read_text(), log)
        yield lambda clients, seconds: _by_celery(python, environment, clients, seconds)


def _by_celery(python: Path, environment: dict[str, str], clients: int, seconds: float) -> Sample:
    command = [str(python), "-P", "-m", TASKS.stem, str(clients), str(seconds)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    return Sample(found["seconds"], found["times"], [])


def _peer_python() -> Path:
    python = PEER_HOME / "bin" / "python"
    if not python.exists():
        print("installing Celery …", file=sys.stderr)
        venv.create(PEER_HOME, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEER, *MISSED], check=True)
    return python
