"""What a request costs apart from its engine: CPU, requests per second, latency, beside other frameworks.

Three requests, a trivial GET, a GET with three path parameters to be checked and a POST with ten fields, are answered
by a raw ASGI function, by Starlette, by FastAPI (given a Python that has it: it is no dependency of ours), by Connexion
with its default options, and by Opsgate with everything on over backends that answer at once. One process of uvicorn
each, on uvloop and httptools. Rounds are short and alternate between the subjects, so that what else this
machine does meets all alike.

    python -m bench.http [--rounds 5] [--seconds 1]
    python -m venv DIR && DIR/bin/pip install fastapi uvicorn uvloop httptools
    python -m bench.http --fastapi DIR/bin/python
"""

from __future__ import annotations

import argparse
import atexit
import functools
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench import measure
from bench.http_subjects import PREFIX, SUBJECTS, TEN, TEN_FIELDS, TRIVIAL
from bench.measure import Run
from opsgate.compiled.table import Table

REQUESTS = {
    "trivial GET": TRIVIAL,
    "GET, three parameters": f"{PREFIX}/readProcessStdoutLog/player:movie_player/0/100",
    "POST, ten fields": TEN.format(name="bench"),
}
POST = "POST, ten fields"
CONNECTIONS = (1, 16, 256)


@dataclass
class Subject:
    """A running subject.

    Attributes:
        name: As in `http_subjects`.
        url: Where it answers.
        pid: Its process.
        ready: Seconds from its start to its first answer.
        runs: What was measured, by request and connections.
    """

    name: str
    url: str
    pid: int
    ready: float
    runs: dict[tuple[str, int], list[Run]] = field(default_factory=dict)

    def measure(self, request: str, connections: int, seconds: int) -> None:
        """Add one run."""
        script = _post_script() if request == POST else None
        run = measure.load(self.url + REQUESTS[request], connections, seconds, [self.pid], script)
        if run.failed:
            raise SystemExit(f"{self.name}: {run.failed} requests failed")
        self.runs.setdefault((request, connections), []).append(run)


@functools.cache
def _post_script() -> Path:
    """Have wrk send the ten fields."""
    path = Path(tempfile.mkdtemp(prefix="bench-http-")) / "post.lua"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    path.write_text(
        f"wrk.method = 'POST'\nwrk.body = [[{json.dumps(TEN_FIELDS)}]]\n"
        "wrk.headers['Content-Type'] = 'application/json'\n"
    )
    return path


def routing() -> None:
    """Print what it takes to find an operation, the first and the last of few and of many."""
    print("\noperations | first, µs | last, µs | last with parameters, µs\n---|---|---|---")
    for number in (10, 100, 1000):
        table: Table[int] = Table()
        for index in range(number):
            table.add("GET", f"/api{index % 5}/things{index}", {}, index)
            table.add("GET", f"/api{index % 5}/things{index}/{{one}}/{{two}}", {}, index)
        last = number - 1
        paths = ("/api0/things0", f"/api{last % 5}/things{last}", f"/api{last % 5}/things{last}/a/b")
        costs = [min(timeit.repeat(functools.partial(table.find, "GET", path), number=5000)) for path in paths]
        print(f"{2 * number} | " + " | ".join(f"{cost / 5000 * 1e6:.2f}" for cost in costs))


@contextmanager
def running(name: str, python: str) -> Iterator[Subject]:
    """Start a subject, wait for its first answer, stop it at the end."""
    begin = time.monotonic()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        port, descriptor = listening.getsockname()[1], listening.fileno()
        script = str(Path(__file__).with_name("http_subjects.py"))
        process = subprocess.Popen([python, "-P", script, name, str(descriptor)], pass_fds=[descriptor])
    try:
        _first_answer(port)
        yield Subject(name, f"http://127.0.0.1:{port}", process.pid, time.monotonic() - begin)
    finally:
        process.terminate()
        process.wait(10)


def _first_answer(port: int) -> None:
    """The listening socket exists already: the connection waits until the server accepts it."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.settimeout(20)
        connection.sendall(f"GET {TRIVIAL} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = connection.recv(4096)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise SystemExit(f"no answer: {answer!r}")


def rounds(subjects: list[Subject], count: int, seconds: int) -> None:
    """Measure everything `count` times, subject after subject."""
    for subject in subjects:
        measure.load(subject.url + TRIVIAL, 1, 1, [subject.pid])  # warm up
    for number in range(count):
        for request in REQUESTS:
            for connections in CONNECTIONS:
                for subject in subjects:
                    subject.measure(request, connections, seconds)
        print(f"round {number + 1} of {count} done, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)


def cost(subject: Subject, base: Subject, request: str) -> str:
    """CPU per request in microseconds, and the ratio to `base` round by round; 16 connections."""
    own, other = subject.runs[request, 16], base.runs[request, 16]
    ratios = [mine.cpu / theirs.cpu for mine, theirs in zip(own, other, strict=True)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    return f"{measure.median(own).cpu * 1000:.0f} | {statistics.median(ratios):.2f} ({spread})"


def report(subjects: list[Subject]) -> None:
    """Print the tables."""
    base = next(subject for subject in subjects if subject.name == "Starlette")
    for request in REQUESTS:
        print(f"\n{request} | CPU µs | ÷ Starlette | " + " | ".join(f"req/s, p99 ms at {n}" for n in CONNECTIONS))
        print("|".join(["---"] * (3 + len(CONNECTIONS))))
        for subject in subjects:
            middles = [measure.median(subject.runs[request, number]) for number in CONNECTIONS]
            speeds = " | ".join(f"{run.rate:.0f}, {run.p99:.2f}" for run in middles)
            print(f"{subject.name} | {cost(subject, base, request)} | {speeds}")
    print("\n | ready s | MiB resident\n---|---|---")
    for subject in subjects:
        print(f"{subject.name} | {subject.ready:.2f} | {measure.resident_mib([subject.pid]):.0f}")


def main() -> None:
    """Start all subjects, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1, help="of each run")
    parser.add_argument("--fastapi", metavar="PYTHON", help="an interpreter that has FastAPI")
    arguments = parser.parse_args()
    pythons = {"FastAPI": arguments.fastapi}
    with ExitStack() as stack:
        subjects = [
            stack.enter_context(running(name, python))
            for name in SUBJECTS
            if (python := pythons.get(name, sys.executable))
        ]
        rounds(subjects, arguments.rounds, arguments.seconds)
        report(subjects)
    routing()


if __name__ == "__main__":
    main()
