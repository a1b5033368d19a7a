"""What the ecFlow benchmark measures: a real ecflow_server, the gateway in front of it, and a yardstick."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.processes import free_port, is_listening, running, until
from tests.engines import ecflow_gateway
from tests.engines.ecflow_server import EcflowServer

TASKS = 98
"""In each family: with 101 families and the suite itself it makes 10 000 nodes."""
SMALL = 2
"""Families of the small suite, each with as few tasks."""
WORKERS = 2
NODE = "small/f0/t1"
"""Whose attributes and status are read."""
CHANGED = "small/f1/t1"
"""Whose variables are changed under load."""


@dataclass(frozen=True)
class Site:
    """A server with its gateway.

    Attributes:
        server: The server.
        url: The API, its version included.
        token: Lets its bearer change things.
        pids: The gateway, its master first.
    """

    server: EcflowServer
    url: str
    token: str
    pids: list[int]

    @property
    def workers(self) -> list[int]:
        """The processes that answer."""
        return self.pids[1:]

    def get(self, path: str) -> bytes:
        """The body of an answer."""
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return bytes(answer.read())

    def client(self, *command: str) -> None:
        """Run ecflow_client on the server: what others do, past the gateway."""
        program = shutil.which("ecflow_client")
        if program is None:
            raise SystemExit("ecflow_client is missing: scripts/debian-packages ecflow-client")
        where = {**os.environ, "ECF_HOST": "127.0.0.1", "ECF_PORT": str(self.server.port)}
        subprocess.run([program, *command], env=where, check=True, capture_output=True)


@contextmanager
def served(directory: Path, families: int) -> Iterator[Site]:
    """A server with the suites `small` and `big`, the latter of so many families, and a gateway with two workers."""
    directory.mkdir()
    server = EcflowServer(directory / "server")
    server.start()
    try:
        for name, count, tasks in (("small", SMALL, SMALL), ("big", families, TASKS)):
            server.load(definition(name, count, tasks))
            server.begin(name)
        with ecflow_gateway.running(directory, server) as site:
            until(lambda: len(site.gateway.workers()) == WORKERS, site.gateway.log)
            yield Site(server, site.url, site.token, measure.family(site.gateway.pid))
    finally:
        server.terminate()


def definition(name: str, families: int, tasks: int) -> str:
    """A suite that does nothing by itself; its tasks have variables, a label, a meter, an event and a trigger."""
    lines = [f"suite {name}", "  defstatus suspended", "  limit lim 100", "  edit ECF_JOB_CMD 'true'"]
    for family in range(families):
        lines += [f"  family f{family}", f"    inlimit /{name}:lim", f"    edit F '{family}'"]
        for task in range(tasks):
            lines += [f"    task t{task}", "      edit X 'a value'", "      edit Y 'another'", '      label l "hello"']
            lines += ["      meter m 0 100", "      event e"]
            if task:
                lines.append(f"      trigger t{task - 1} == complete")
        lines.append("  endfamily")
    return "\n".join([*lines, "endsuite", ""])


@contextmanager
def yardstick(directory: Path, bodies: dict[str, bytes]) -> Iterator[tuple[str, list[int]]]:
    """Bare Starlette on the same gunicorn and workers, which serves these bodies by their names; URL and processes."""
    directory.mkdir()
    for name, body in bodies.items():
        (directory / name).write_bytes(body)
    port, log = free_port(), directory.with_suffix(".log")
    command = [sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--bind", f"127.0.0.1:{port}", "--preload"]
    command += ["--worker-class", "opsgate.server.Worker", "--no-control-socket", "bench.ecflow_yardstick:app"]
    with running(command, log, {"BENCH_BODIES": str(directory)}) as pid:
        until(lambda: is_listening(port) and len(measure.family(pid)) > WORKERS, log)
        yield f"http://127.0.0.1:{port}/", measure.family(pid)
