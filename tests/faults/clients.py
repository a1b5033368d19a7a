"""A steady stream of reads and writes from several clients, each answer looked at, each accepted write remembered."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

READERS, WRITERS = 3, 2
TIMEOUT = 60.0
"""Seconds that a client waits for an answer."""
PATIENCE = 40.0
"""Seconds that a test waits for what must come, on however slow a machine."""
_PAUSE = 0.03  # seconds between two requests of a client: a stream, but room for what is tested
AWAY = (502, 503, 504)
"""How a failure that is not the caller's own is answered."""


@dataclass(frozen=True)
class Request:
    """What is sent; a body is sent as JSON."""

    method: str
    path: str
    body: object = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What comes back."""

    status: int
    type: str
    body: bytes
    id: str = ""

    @property
    def succeeded(self) -> bool:
        """Whether it is no failure."""
        return 200 <= self.status < 300

    def has_texts(self, *members: str) -> bool:
        """Whether it is a JSON object with these members, all of them texts: what most documents show of a failure."""
        try:
            content = json.loads(self.body)
        except ValueError:
            return False
        of_json = self.type.partition(";")[0] in ("application/json", "application/problem+json")
        return of_json and isinstance(content, dict) and all(isinstance(content.get(name), str) for name in members)


class Served(Protocol):
    """What a stream needs to know of a service."""

    def connect(self) -> http.client.HTTPConnection:
        """A connection to it, perhaps not open yet."""

    def read(self) -> Request:
        """Some request that changes nothing and succeeds when all is well. Called by several threads."""

    def write(self, key: str) -> Request:
        """A request that makes something new, which `key` tells from all others. Called by several threads."""

    def is_documented(self, answer: Answer) -> bool:
        """Whether a failure has the shape that the API's document shows."""


@dataclass
class Written:
    """What became of the writes, by their keys."""

    acknowledged: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    """Those that were answered with a failure, or not at all: they took effect once, or not at all."""


class Progress(NamedTuple):
    """How many reads and writes have succeeded."""

    reads: int
    writes: int


class Stream:
    """Clients in threads of this process; every second one keeps its connection, the others make one per request.

    Attributes:
        written: What became of the writes.
        statuses: All answers, by status.
        broken: How many requests ended without an answer: refused, reset, cut off.
        wrong: Answers that no service may give, in words: other failures than `AWAY`, or of another shape.
        failures: What was not answered by 2xx, in words; of requests sent since `forgive`.
        answered: The ids that the service gave to requests which succeeded: they tell the worker, and the order.
    """

    _run = itertools.count(1)

    def __init__(self, served: Served, readers: int = READERS, writers: int = WRITERS) -> None:
        """Prepare; it begins as a context, and ends with it."""
        self.written, self.statuses, self.broken = Written(), Counter[int](), 0
        self.wrong: list[str] = []
        self.failures: list[str] = []
        self.answered: list[str] = []
        self._served, self._ends, self._lock = served, threading.Event(), threading.Lock()
        self._reads = self._writes = 0
        self._forgiven = self._latest_read = self._latest_write = time.monotonic()
        name = f"{time.time_ns():x}-{next(self._run)}"
        self._clients = [threading.Thread(target=self._read, args=(number,)) for number in range(readers)]
        self._clients += [threading.Thread(target=self._write, args=(number, name)) for number in range(writers)]

    @property
    def done(self) -> Progress:
        """What has succeeded so far."""
        return Progress(self._reads, self._writes)

    def flow(self, seconds: float) -> None:
        """Wait so long, and until some more reads and writes have succeeded."""
        before = self.done
        time.sleep(seconds)
        self.wait(
            lambda: self._reads > before.reads + 2 and self._writes > before.writes + 2, "reads and writes succeed"
        )

    def rest(self, seconds: float) -> None:
        """Wait so long, whatever is answered."""
        self._ends.wait(seconds)

    def more(self, answers: int) -> None:
        """Wait for so many more requests that succeed."""
        wanted = len(self.answered) + answers
        self.wait(lambda: len(self.answered) >= wanted, "more answers")

    def wait(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition."""
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"not seen: {what}; {dict(self.statuses)}, {self.broken} broken, {self.wrong[:3]}")
            time.sleep(_PAUSE)

    def recovery(self) -> float:
        """Wait until a read and a write over new connections, made from now on, succeed; return how long that took."""
        begin = time.monotonic()
        self.wait(lambda: min(self._latest_read, self._latest_write) >= begin, "a read and a write that succeed again")
        return time.monotonic() - begin

    def forgive(self) -> None:
        """Count failures anew, of requests that are sent from now on."""
        with self._lock:
            self._forgiven, self.failures = time.monotonic(), []

    def __enter__(self) -> Self:
        """Begin."""
        for client in self._clients:
            client.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self.stop()

    def stop(self) -> None:
        """End, when the requests under way are answered."""
        self._ends.set()
        for client in self._clients:
            client.join(2 * TIMEOUT)

    def _read(self, number: int) -> None:
        with _Line(self._served, keeps=number % 2 == 0) as line:
            while not self._ends.wait(_PAUSE):
                begin = time.monotonic()
                if self._succeeds(line, self._served.read(), begin):
                    with self._lock:
                        self._reads += 1
                        self._latest_read = self._latest_read if line.keeps else max(begin, self._latest_read)

    def _write(self, number: int, name: str) -> None:
        with _Line(self._served, keeps=number % 2 == 0) as line:
            for key in _keys(f"{name}-{number}"):
                if self._ends.wait(_PAUSE):
                    return
                begin = time.monotonic()
                succeeded = self._succeeds(line, self._served.write(key), begin)
                with self._lock:
                    if succeeded:
                        self.written.acknowledged.append(key)
                        self._writes += 1
                        self._latest_write = self._latest_write if line.keeps else max(begin, self._latest_write)
                    else:
                        self.written.unknown.append(key)

    def _succeeds(self, line: _Line, request: Request, begin: float) -> bool:
        try:
            answer = line.ask(request)
        except (OSError, http.client.HTTPException) as exc:
            with self._lock:
                self.broken += 1
                self._failed(f"{request.method} {request.path}: {exc!r}", begin)
            return False
        with self._lock:
            self.statuses[answer.status] += 1
            if answer.succeeded:
                self.answered.append(answer.id)
            else:
                self._judge(answer, f"{request.method} {request.path}: {answer.status} {answer.body[:200]!r}", begin)
        return answer.succeeded

    def _judge(self, answer: Answer, told: str, begin: float) -> None:
        self._failed(told, begin)
        if answer.status not in AWAY or not self._served.is_documented(answer):
            self.wrong.append(told)

    def _failed(self, told: str, begin: float) -> None:
        if begin > self._forgiven:
            self.failures.append(told)


class _Line:
    """One client's connections.

    A read on a connection that had answered before is asked again if it was closed meanwhile, as curl, browsers and
    urllib3 do: HTTP leaves no other way to tell a client of the end of one that it does not use. A write never is.
    """

    def __init__(self, served: Served, *, keeps: bool) -> None:
        self._served, self.keeps = served, keeps
        self._connection: http.client.HTTPConnection | None = None

    def ask(self, request: Request) -> Answer:
        used = self._connection is not None
        try:
            return self._once(request)
        except (OSError, http.client.HTTPException):
            if not used or request.method != "GET":
                raise
            return self._once(request)

    def _once(self, request: Request) -> Answer:
        self._connection = self._connection or self._served.connect()
        try:
            answer = sent(self._connection, request)
        except BaseException:
            self.close()
            raise
        if not self.keeps:
            self.close()
        return answer

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def sent(connection: http.client.HTTPConnection, request: Request) -> Answer:
    """Send a request, and return the answer."""
    body = None if request.body is None else json.dumps(request.body)
    headers = {**({} if body is None else {"Content-Type": "application/json"}), **request.headers}
    connection.request(request.method, request.path, body, headers)
    answer = connection.getresponse()
    kind, request_id = (answer.headers.get(name, "") for name in ("Content-Type", "X-Request-ID"))
    return Answer(answer.status, kind, answer.read(), request_id)


def asked(served: Served, request: Request) -> Answer:
    """Send a request on a connection of its own, and return the answer."""
    with closing(served.connect()) as connection:
        return sent(connection, request)


def tcp(port: int) -> http.client.HTTPConnection:
    """A connection to a port of this machine."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)


class UnixConnection(http.client.HTTPConnection):
    """A connection to a socket file."""

    def __init__(self, path: Path) -> None:
        """Prepare it."""
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Make it."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


def _keys(prefix: str) -> Iterator[str]:
    return (f"{prefix}-{number}" for number in itertools.count())
