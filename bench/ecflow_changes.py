"""What a change costs: seconds until it shows, seconds until a large tree is made again. And memory."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench import measure
from bench.ecflow_site import NODE, Site

FULL = "/suites/big/tree?content=full"
_OLD = 0.7
"""Seconds after which a worker asks the server again before it answers."""
_LIMIT = 20.0
_PAUSE = 0.005


class Reader:
    """One kept-alive connection, so one worker."""

    def __init__(self, site: Site) -> None:
        where = urlsplit(site.url)
        self._base = where.path
        self._connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)

    def get(self, path: str) -> bytes:
        """The body of an answer."""
        self._connection.request("GET", self._base + path)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise SystemExit(f"{path}: {answer.status} {body[:200]!r}")
        return body

    def timed(self, path: str) -> float:
        """Seconds that an answer takes."""
        begun = time.perf_counter()
        self.get(path)
        return time.perf_counter() - begun

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def appearance(site: Site, times: int) -> dict[str, list[float]]:
    """Seconds from the return of ecflow_client to an answer that shows what it did, read every 5 ms all the time."""
    ways = {"attributes": _in_attributes, "status": _in_status, "events": _in_events}
    return {name: [way(site, number) for number in range(times)] for name, way in ways.items()}


def _in_attributes(site: Site, number: int) -> float:
    wanted = f'"seen{number}"'.encode()
    with closing(Reader(site)) as reader:
        _read_on(reader, f"/suites/{NODE}/attributes", number)
        site.client("--alter", "change", "variable", "X", f"seen{number}", f"/{NODE}")
        return _until(lambda: wanted in reader.get(f"/suites/{NODE}/attributes"))


def _in_status(site: Site, number: int) -> float:
    with closing(Reader(site)) as reader:
        _read_on(reader, f"/suites/{NODE}/status", number)
        wanted = _turned(site, number)
        return _until(lambda: reader.get(f"/suites/{NODE}/status?filter=status") == wanted)


def _in_events(site: Site, number: int) -> float:
    with following(site) as happened:
        time.sleep(1 + _phase(number))
        _turned(site, number)
        return _until(happened.is_set)


def _read_on(reader: Reader, path: str, number: int) -> None:
    end = time.perf_counter() + 1 + _phase(number)
    while time.perf_counter() < end:
        reader.get(path)
        time.sleep(_PAUSE)


def _phase(number: int) -> float:
    """Some part of a second: changes shall come at any moment between two looks at the server."""
    return 0.37 * number % 1


def _turned(site: Site, number: int) -> bytes:
    """Suspend or resume the node by turns; its status then."""
    word, status = (("suspend", b'"suspended"'), ("resume", b'"queued"'))[number % 2]
    site.client(f"--{word}", f"/{NODE}")
    return status


def _until(condition: Callable[[], bool]) -> float:
    begun = time.perf_counter()
    while not condition():
        if time.perf_counter() - begun > _LIMIT:
            raise SystemExit("a change does not show")
        time.sleep(_PAUSE)
    return time.perf_counter() - begun


@contextmanager
def following(site: Site) -> Iterator[threading.Event]:
    """Follow the stream of events for a while; what is yielded is set by each change of a state."""
    where = urlsplit(site.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    connection.request("GET", f"{where.path}/events")
    answer = connection.getresponse()
    happened = threading.Event()

    def follow() -> None:
        while line := answer.readline():
            if line.startswith(b"event: state"):
                happened.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield happened
    finally:
        if connection.sock is not None:
            connection.sock.shutdown(2)
        thread.join(20)
        connection.close()


@dataclass(frozen=True)
class Again:
    """What a full tree takes, seconds: unchanged, and after the change of one node."""

    unchanged: list[float]
    changed: list[float]
    cpu: float


def again(site: Site, times: int) -> Again:
    """Read the full tree of `big` unchanged, and after a task's meter was changed by ecflow_client."""
    unchanged, changed = [], []
    with closing(Reader(site)) as reader:
        reader.get(FULL)
        used = 0.0
        for number in range(times):
            unchanged.append(reader.timed(FULL))
            site.client("--alter", "change", "meter", "m", str(number % 100), f"/big/f{number % 50}/t{number % 90}")
            time.sleep(_OLD)
            before = measure.cpu_seconds(site.workers)
            changed.append(reader.timed(FULL))
            used += measure.cpu_seconds(site.workers) - before
    return Again(unchanged, changed, used / times)


@dataclass(frozen=True)
class Memory:
    """Of one worker, MiB: resident, and its own share (PSS)."""

    resident: float
    share: float


def memory(site: Site) -> Memory:
    """Of the largest worker."""
    found = []
    for pid in site.workers:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines[1:]}
        found.append(Memory(sizes["Rss:"], sizes["Pss:"]))
    return max(found, key=lambda one: one.resident)


def first(site: Site) -> float:
    """Seconds of the first full tree of `big` from a worker that knows nothing yet."""
    with closing(Reader(site)) as reader:
        return reader.timed(FULL)
