"""The requests of the ecFlow benchmark, and their load by wrk in rounds that alternate with the yardstick."""

from __future__ import annotations

import gzip
import os
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.ecflow_site import CHANGED, NODE, Site, yardstick
from bench.measure import Run
from opsgate.backends.ecflow import commands
from opsgate.backends.ecflow.commands import Delete
from tests.engines.ecflow_server import RefusedError

CONNECTIONS = (1, 8, 64)
OURS, BARE = "opsgate", "bare Starlette"


@dataclass(frozen=True)
class Read:
    """A GET.

    Attributes:
        path: What is read.
        script: What else wrk must do.
    """

    path: str
    script: str = ""


_FULL = "/suites/big/tree?content=full"
_GZIP = 'wrk.headers["Accept-Encoding"] = "gzip"'
READS = {
    "suites": Read("/suites"),
    "small tree": Read("/suites/small/tree"),
    "small tree, full": Read("/suites/small/tree?content=full"),
    "attributes": Read(f"/suites/{NODE}/attributes"),
    "status": Read(f"/suites/{NODE}/status"),
    "big tree": Read("/suites/big/tree"),
    "big tree, full": Read(_FULL),
    "big tree, full, gzip": Read(_FULL, _GZIP),
    "big tree, full, 304": Read(_FULL, 'wrk.headers["If-None-Match"] = "{etag}"'),
}

_WRITE = """
wrk.headers["Authorization"] = "Bearer {token}"
wrk.headers["Content-Type"] = "application/json"
local number = 0
request = function()
  number = number + 1
  {body}
end
"""
WRITES = {
    "PUT of a variable": """
  return wrk.format("PUT", nil, nil, '{"type":"variable","name":"X","value":"' .. number .. '"}')""",
    "POST and DELETE of a variable": """
  local at, method = math.floor(number / 2), "POST"
  if number % 2 == 0 and at > {lag} then at, method = at - {lag}, "DELETE" end
  return wrk.format(method, nil, nil, '{"type":"variable","name":"V' .. at % {names} .. '","value":"1"}')""",
}
"""Of as many requests as are under way none meets another of the same variable: its deletion lags behind."""

Runs = dict[tuple[str, int, str], list[Run]]
"""What was measured, by request, number of connections and who answered."""


def over_http(site: Site, directory: Path, rounds: int, seconds: int) -> tuple[Runs, dict[str, int]]:
    """All requests at all numbers of connections; what was measured, and how many bytes each read brings."""
    bodies = {_word(name): _body(site, read) for name, read in READS.items()}
    runs: Runs = {}
    with yardstick(directory / "bodies", bodies) as (bare, pids):
        for number in range(rounds):
            for name, connections in ((name, connections) for name in READS for connections in CONNECTIONS):
                script = _script(site, directory, name, READS[name])
                ours = measure.load(site.url + READS[name].path, connections, seconds, site.pids, script)
                runs.setdefault((name, connections, OURS), []).append(ours)
                other = measure.load(bare + _word(name), connections, seconds, pids)
                runs.setdefault((name, connections, BARE), []).append(other)
            for name, connections, run in _written(site, directory, seconds):
                runs.setdefault((name, connections, OURS), []).append(run)
            print(f"round {number + 1} of {rounds} done, load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return runs, {name: len(bodies[_word(name)]) for name in READS}


def _written(site: Site, directory: Path, seconds: int) -> Iterator[tuple[str, int, Run]]:
    for name, body in WRITES.items():
        for connections in CONNECTIONS:
            lag = 2 * connections + 6
            text = _WRITE.replace("{token}", site.token).replace("{body}", body)
            script = directory / "write.lua"
            script.write_text(text.replace("{lag}", str(lag)).replace("{names}", str(2 * lag)))
            run = measure.load(f"{site.url}/suites/{CHANGED}/attributes", connections, seconds, site.pids, script)
            _tidy(site, 2 * lag)
            yield name, connections, run


def _tidy(site: Site, names: int) -> None:
    """Delete the variables that are left: later runs shall find what the first one found."""
    for number in range(names):
        with suppress(RefusedError):
            command = commands.remove(f"/{CHANGED}", Delete.VARIABLE, f"V{number}")
            site.server.command(command.kind, **command.fields)


def _word(name: str) -> str:
    return name.replace(", ", "-").replace(" ", "_")


def _body(site: Site, read: Read) -> bytes:
    if "If-None-Match" in read.script:
        return b""
    body = site.get(read.path)
    return gzip.compress(body, compresslevel=5) if read.script == _GZIP else body


def _script(site: Site, directory: Path, name: str, read: Read) -> Path | None:
    if not read.script:
        return None
    with urllib.request.urlopen(site.url + read.path, timeout=60) as answer:
        tag = str(answer.headers["ETag"])
    file = directory / f"{_word(name)}.lua"
    file.write_text(read.script.replace("{etag}", tag.replace('"', '\\"')))
    return file
