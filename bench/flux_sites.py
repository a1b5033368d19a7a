"""What `bench.flux` compares: `opsgate flux` on its own engine, on a real Flux, and Flux's bindings alone."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import measure, processes
from bench.measure import Run
from opsgate.backends.errors import Unavailable
from opsgate.backends.flux.broker import bindings

LOCAL, FLUX = "local engine", "Flux"
BINDINGS = "bindings, one after the other"
SUBMIT = "POST submit"
_SECONDS_TO_FINISH = 300


@dataclass(frozen=True)
class Site:
    """A service in front of an engine.

    Attributes:
        url: Where it answers.
        pid: Its first process.
        uri: Its Flux instance, or nothing.
    """

    url: str
    pid: int
    uri: str | None

    def ask(self, target: str, method: str = "GET") -> Any:
        """Send a request; return the body of the answer."""
        with urllib.request.urlopen(urllib.request.Request(self.url + target, method=method), timeout=60) as answer:
            return json.load(answer)

    def submit(self, **fields: str) -> int:
        """Submit a job as the released client does, arguments in the query; return its number."""
        query = urllib.parse.urlencode({"command": "true", **fields})
        return int(self.ask(f"/v1/jobs/submit?{query}", "POST")["id"])

    def fill(self, jobs: int) -> None:
        """Run so many jobs, and wait until all of them are over."""
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: self.submit(), range(jobs)))
        end = time.monotonic() + _SECONDS_TO_FINISH
        while sum(job["state"] == 64 for job in self.ask("/jobs")["jobs"]) < jobs:
            if time.monotonic() > end:
                raise SystemExit(f"{jobs} jobs did not end in {_SECONDS_TO_FINISH} s")
            time.sleep(0.5)

    @property
    def pids(self) -> list[int]:
        """The service's own processes, without what its jobs are."""
        return [self.pid, *map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())]

    def load(self, target: str, connections: int, seconds: int, script: Path | None = None) -> Run:
        """Put load on it; see `measure.load`."""
        return measure.load(self.url + target, connections, seconds, self.pids, script)


def no_flux() -> str | None:
    """Return why no Flux instance can be started here; None if one can."""
    try:
        bindings.load()
    except Unavailable as error:
        return error.message
    return None if shutil.which("flux") else "the command flux is not on PATH"


@contextmanager
def site(engine: str, place: Path) -> Iterator[Site]:
    """Run a service with an engine that has no jobs.

    Args:
        engine: LOCAL or FLUX.
        place: A directory for its files, which need not be there; a short path.
    """
    place.mkdir(parents=True)
    port, log = processes.free_port(), place / "log"
    command = [sys.executable, "-P", "-m", "opsgate", "flux", "-p", str(port)]
    with ExitStack() as stack:
        uri = stack.enter_context(_instance(place)) if engine == FLUX else None
        options = ["--engine", "flux", "--uri", uri] if uri else ["--engine", "local", "--state-dir", str(place / "s")]
        pid = stack.enter_context(processes.running([*command, *options], log))
        processes.until(lambda: processes.is_listening(port), log)
        found = Site(f"http://127.0.0.1:{port}", pid, uri)
        for _ in range(8):
            found.ask("/jobs")  # both workers have their connection and their table
        yield found


@contextmanager
def _instance(place: Path) -> Iterator[str]:
    directory, log = place / "r", place / "flux.log"
    directory.mkdir()
    uri = f"local://{directory}/local-0"
    command = ["flux", "start", "--test-size=1", f"--test-rundir={directory}", "sleep", "inf"]
    with processes.running(command, log):
        processes.until(lambda: _is_up(uri), log)
        try:
            yield uri
        finally:  # `flux start` would leave its broker behind, and the broker waits for jobs
            os.kill(int(bindings.load().open(uri).attr_get("broker.pid")), signal.SIGKILL)


def _is_up(uri: str) -> bool:
    try:
        return bool(bindings.load().open(uri).rpc("state-machine.get").get()["state"] == "run")
    except OSError:
        return False


def by_bindings(uri: str, what: str, seconds: float) -> Run:
    """What the original does for a request, without its web service: a call that is waited for, its answer as JSON."""
    flux, job, resource = map(importlib.import_module, ("flux", "flux.job", "flux.resource.list"))
    handle = flux.Flux(uri)
    newest = next(iter(job.job_list(handle, max_entries=1).get_jobs()), {"id": 0})["id"]
    calls: dict[str, Callable[[], object]] = {
        SUBMIT: lambda: int(job.submit(handle, job.JobspecV1.from_command(["true"]))),
        "GET jobs": lambda: job.job_list(handle, max_entries=1000).get_jobs(),
        "GET jobs/{id}": lambda: job.job_list_id(handle, newest, attrs=["all"]).get_job(),
        "GET nodes": lambda: [str(node) for node in resource.resource_list(handle).get().up.nodelist],
    }
    return _timed(calls[what], seconds)


def _timed(call: Callable[[], object], seconds: float) -> Run:
    times, begin, used = [], time.perf_counter(), time.process_time()
    for start in itertools.takewhile(lambda now: now < begin + seconds, iter(time.perf_counter, None)):
        json.dumps(call())
        times.append(1000 * (time.perf_counter() - start))
    elapsed = time.perf_counter() - begin
    times.sort()
    cpu = 1000 * (time.process_time() - used) / len(times)
    return Run(len(times) / elapsed, times[len(times) // 2], times[len(times) * 99 // 100], cpu, 0)


def versions() -> str:
    """Flux's version, where there is one."""
    if no_flux():
        return f"no Flux: {no_flux()}"
    said = subprocess.run(["flux", "version"], capture_output=True, text=True, check=True).stdout.split()
    return f"Flux {said[said.index('libflux-core:') + 1]}"
