"""What reading jobs costs beside a long history, for `bench.jobs`: through the engine, and over HTTP.

    python -m bench.jobs_reads STATE_DIR PORT

serves, by one process of uvicorn on uvloop and httptools, the Hoplite API on that state directory and beside it, over a
backend that answers at once, an operation that is as cheap as one can be: the measure of all others.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import uvicorn

from bench import http, measure, processes
from bench.http_subjects import TRIVIAL, Instant
from bench.measure import Run
from opsgate import apis
from opsgate.app import build
from opsgate.backends.hoplite import adapter
from opsgate.backends.hoplite.jobs import API
from opsgate.backends.jobs import database, environment, layout, store, transitions
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import NewJob, Plugin, Query, Spec
from opsgate.backends.jobs.settings import Settings as EngineSettings
from opsgate.backends.jobs.states import State
from opsgate.settings import Jobs, Settings

CONNECTIONS = 16
PAGE = 100
ONE = "GET /jobs/{uuid}, the same"
ANY = "GET /jobs/{uuid}, one after the other"
OPERATION = "trivial operation"
STARLETTE = "trivial route of bare Starlette"

Runs = dict[tuple[str, int], list[Run]]
"""What was measured, by request and stored jobs."""


def fill(root: Path, rows: int) -> None:
    """Put finished jobs into a new state directory, as the Hoplite API would have left them."""
    place = layout.Layout(str(root))
    place.create()
    opened = database.Database(place, create=True)
    opened.connection.execute("PRAGMA cache_size = -262144")  # else most of the time goes into reading pages again
    own = environment.base()
    for start in range(0, rows, 5000):
        with opened.change(durable=False) as db:
            for number in range(start, min(rows, start + 5000)):
                new = _new(number)
                store.insert(db, new, new.spec.to_json(own, sys.executable))
                store.set_status(db, API, str(new.id), '{"done": true}', tuple(State))
                transitions.finish(db, str(new.id), None, {"exit_code": 0, "waitstatus": 0, "duration": 0.1})
    opened.close()


def _new(number: int) -> NewJob:
    own_id, key = job_id(number), str(uuid.uuid4())
    context = {"addr": "127.0.0.1:5000", "uuid": own_id, "api_key": key}
    run = Plugin("hoplite.jobs", f"name-{number % 10}", {"seconds": 3}, adapter.TARGET, context)
    return NewJob(
        API, run.name, Spec(run, sys_path=("/srv/plugins",)), id=own_id, extra={"api_key": key, "digest": key}
    )


def job_id(number: int) -> str:
    """The id of a job of `fill`."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


async def through_engine(root: Path, rows: int) -> dict[str, float]:
    """Measure the engine's own calls.

    Returns:
        Microseconds at the median, by what was called.
    """
    engine = await Engine.open(EngineSettings(root, seconds_between_tidying=600))
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "get": lambda: engine.get(API, job_id(rows // 2)),
        "first page of 100": lambda: engine.jobs(API, Query(limit=PAGE)),
        "middle page, by offset": lambda: engine.jobs(API, Query(limit=PAGE, offset=max(0, rows // 2 - PAGE))),
        "last page, by offset": lambda: engine.jobs(API, Query(limit=PAGE, offset=max(0, rows - PAGE))),
        "last page, by after": lambda: engine.jobs(API, Query(limit=PAGE, after=max(0, rows - PAGE))),
        "newest 100 finished": lambda: engine.jobs(API, Query((State.FINISHED,), newest_first=True, limit=PAGE)),
        "running ones": lambda: engine.jobs(API, Query((State.STARTING, State.RUNNING))),
        "total": lambda: engine.count(API),
        "total of a name": lambda: engine.count(API, Query(name="name-1")),
    }
    found = {what: await _microseconds(call) for what, call in calls.items()}
    await engine.close()
    return found


async def _microseconds(call: Callable[[], Awaitable[object]]) -> float:
    times: list[float] = []
    end = time.perf_counter() + 0.3
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 2000):
        start = time.perf_counter()
        await call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


def over_http(roots: dict[int, Path], rounds: int, seconds: int) -> Runs:
    """Put load on a server for each state directory, in rounds that alternate between them and the requests.

    Args:
        roots: The state directories by the number of jobs in them.
        rounds: How many rounds.
        seconds: The length of each run.
    """
    runs: Runs = {}
    with ExitStack() as stack:
        servers = {rows: stack.enter_context(served(root)) for rows, root in roots.items()}
        starlette = stack.enter_context(http.running("Starlette", sys.executable))
        scripts = {rows: _script(root, rows) for rows, root in roots.items()}
        for number in range(rounds + 1):
            found = runs if number else {}  # the first round is for whatever is done for the first time only
            for rows, (url, pid) in servers.items():
                for what, path in _requests(rows).items():
                    script = scripts[rows] if what == ANY else None
                    _add(found, (what, rows), measure.load(url + path, CONNECTIONS, seconds, [pid], script))
                base = measure.load(starlette.url + TRIVIAL, CONNECTIONS, seconds, [starlette.pid])
                _add(found, (STARLETTE, rows), base)
    return runs


def _requests(rows: int) -> dict[str, str]:
    return {
        OPERATION: TRIVIAL,
        ONE: f"/hoplite/jobs/{job_id(rows // 2)}",
        ANY: "/",
        "GET /jobs, first 10": "/hoplite/jobs?limit=10",
        "GET /jobs, first 100": f"/hoplite/jobs?limit={PAGE}",
        "GET /jobs, last 100": f"/hoplite/jobs?limit={PAGE}&offset={max(0, rows - PAGE)}",
        "GET /jobs, newest 100": f"/hoplite/jobs?limit={PAGE}&order_by=-created_at",
    }


def _add(runs: Runs, place: tuple[str, int], run: Run) -> None:
    if run.failed:
        raise SystemExit(f"{place}: {run.failed} requests failed")
    runs.setdefault(place, []).append(run)


def _script(root: Path, rows: int) -> Path:
    """Have wrk read one job after the other, a thousand of them, evenly spread over the history."""
    ids = ", ".join(f'"{job_id(number)}"' for number in range(0, rows, max(1, rows // 1000)))
    path = root.with_suffix(".lua")
    path.write_text(
        f"local ids, at = {{{ids}}}, 0\n"
        "function request()\n  at = at % #ids + 1\n  return wrk.format('GET', '/hoplite/jobs/' .. ids[at])\nend\n"
    )
    return path


def ratios(runs: Runs, what: str, base: str, rows: int) -> list[float]:
    """CPU time of one request as a multiple of another's, round by round."""
    return [mine.cpu / other.cpu for mine, other in zip(runs[what, rows], runs[base, rows], strict=True)]


@contextmanager
def served(root: Path) -> Iterator[tuple[str, int]]:
    """Serve a state directory; gives the address and the process."""
    port, log = processes.free_port(), root.with_suffix(".log")
    with processes.running([sys.executable, "-m", "bench.jobs_reads", str(root), str(port)], log) as pid:
        processes.until(lambda: processes.is_listening(port), log)
        yield f"http://127.0.0.1:{port}", pid


def serve(root: str, port: int) -> None:
    """Serve until told to stop."""
    instant = dataclasses.replace(apis.APIS["supvisors"], connect=lambda _settings: Instant())
    apis.APIS = {"supvisors": instant, "hoplite": apis.APIS["hoplite"]}
    config = uvicorn.Config(
        build(Settings(jobs=Jobs(state_dir=root))),
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
