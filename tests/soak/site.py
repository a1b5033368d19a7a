"""The service that is watched: `opsgate up` with all five APIs, two workers, and little that it keeps."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from opsgate import tokens
from opsgate.ecflow import loopback
from tests.engines.gateway import Gateway, free_port

KEPT_JOBS, KEPT_RECORDS, KEPT_RUNS = 20, 200, 3
"""So few that what is kept has all it may have before the first half is over."""
_PROGRAM = "[program:tool]\ncommand=sleep 100000\nautostart=false\nstartsecs=0\nstopwaitsecs=5\n"
_PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class Site:
    """A running service.

    Attributes:
        port: Where it listens.
        token: What the ecFlow API wants to be shown.
        state: Its state directory.
        daemon: The process id of its supervisord.
    """

    port: int
    token: str
    state: Path
    daemon: int

    def processes(self) -> dict[str, list[psutil.Process]]:
        """What it runs: gunicorn's workers and master, the scheduler, ecflow_server, supervisord."""
        daemon = psutil.Process(self.daemon)
        children = {_kind(process): process for process in daemon.children()}
        master = children.pop("gateway")
        return {
            "worker": sorted(master.children(), key=lambda process: process.pid),
            "gunicorn": [master],
            **{kind: [children[kind]] for kind in ("scheduler", "ecflow_server")},
            "supervisord": [daemon],
        }


@contextmanager
def running(directory: Path) -> Iterator[Site]:
    """The service with a program, a suite and some tasks; it ends with the context. The path must be a short one."""
    port, file, state = free_port(), directory / "tokens.json", directory / "s"
    token = tokens.create(file, "soak")
    environment = {
        "OPSGATE_ECFLOW_TOKENS_FILE": str(file),
        "OPSGATE_SERVER_WORKERS": "2",
        "OPSGATE_JOBS_KEEP_JOBS": str(KEPT_JOBS),
        "OPSGATE_REDENGINE_KEEP_RECORDS": str(KEPT_RECORDS),
        "OPSGATE_REDENGINE_KEEP_RUNS": str(KEPT_RUNS),
        "OPSGATE_HOPLITE_BUILTIN_PLUGINS": "command",
        "OPSGATE_FLUX_ENGINE": "local",
    }
    (state / "programs").mkdir(parents=True)
    (state / "programs" / "tool.conf").write_text(_PROGRAM)
    arguments = ["up", "--state-dir", str(state), "--bind", f"127.0.0.1:{port}"]
    arguments += [word for api in ("supvisors", "ecflow", "hoplite", "flux", "redengine") for word in ("--api", api)]
    arguments += [] if loopback.possible() else ["--insecure"]
    with Gateway(arguments, port, directory / "log", environment) as gateway:
        _wait(lambda: _is_ready(port), gateway.log)
        yield Site(port, token, state, gateway.pid)


def _kind(process: psutil.Process) -> str:
    try:
        words = " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # the stream has ended it just now
        return "ended"
    if "ecflow_server" in words:
        return "ecflow_server"
    if " serve " in words:
        return "gateway"
    return "scheduler" if "redengine" in words else process.name()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = json.loads(answer.read())
    finally:
        connection.close()
    return answer.status == http.client.OK and body["engines"]["ecflow"].get("state") == "RUNNING"


def _wait(condition: Callable[[], bool], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"the service does not come so far:\n{log.read_text()}")
        time.sleep(0.1)
