"""A steady stream of reads and writes: a client for each API, which does the same things again and again."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tests.soak.site import Site

_TIMEOUT = 60.0
_REQUESTS = 20
"""Requests on one connection: then a client makes another one, as clients come and go."""


@dataclass(frozen=True)
class Ask:
    """A request, its body sent as JSON; of a stream only the beginning is read."""

    method: str
    path: str
    body: object = None
    is_stream: bool = False


Doings = Generator[Ask, Any, None]


def supvisors() -> Doings:
    """A process is started and stopped, and looked at."""
    while True:
        yield Ask("POST", "/supvisors/supervisor/startProcess/tool?wait=true")
        yield Ask("GET", "/supvisors/supervisor/getProcessInfo/tool")
        yield Ask("GET", "/supvisors/supvisors/all_process_info")
        yield Ask("POST", "/supvisors/supervisor/stopProcess/tool?wait=true")
        yield Ask("GET", "/supvisors/supervisor/getAllProcessInfo")


def ecflow() -> Doings:
    """A variable and a state change, below a suite that others read."""
    suite = "suite soak\n  family f\n    edit V '0'\n    task t\n      label l \"\"\n  endfamily\nendsuite\n"
    yield Ask("POST", "/ecflow/v1/suites", {"definition": suite})
    for number in itertools.count():
        change = {"type": "variable", "name": "V", "value": str(number)}
        yield Ask("PUT", "/ecflow/v1/suites/soak/f/attributes", change)
        yield Ask("GET", "/ecflow/v1/suites/tree?content=full")
        yield Ask("PUT", "/ecflow/v1/suites/soak/f/t/status", {"action": "resume" if number % 2 else "suspend"})
        yield Ask("GET", "/ecflow/v1/suites/soak/f/t/attributes")
        yield Ask("GET", "/ecflow/v1/suites/soak/f/t/status")
        yield Ask("GET", "/ecflow/v1/events", is_stream=True)


def hoplite() -> Doings:
    """A job is created, run, read; every third one is killed."""
    for number in itertools.count():
        command = ["sleep", "60"] if number % 3 == 2 else ["echo", "hello"]
        body = {"plugin_name": "hoplite.plugins.command", "config": {"command": command}, "run": True}
        job = yield Ask("POST", "/hoplite/jobs", body)
        yield Ask("GET", "/hoplite/jobs?limit=10")
        if command[0] == "sleep":
            yield Ask("PUT", f"/hoplite/jobs/{job['uuid']}/kill")
        yield Ask("GET", f"/hoplite/jobs/{job['uuid']}?wait=30")
        yield Ask("GET", f"/hoplite/jobs/{job['uuid']}/output")


def flux() -> Doings:
    """A job is submitted and followed to its end."""
    while True:
        job = yield Ask("POST", "/flux/v1/jobs/submit", {"command": "echo hello"})
        yield Ask("GET", "/flux/v1/jobs?details=true&limit=10")
        yield Ask("GET", f"/flux/v1/jobs/{job['id']}?wait=30")
        yield Ask("GET", f"/flux/v1/jobs/{job['id']}/output")
        yield Ask("GET", "/flux/v1/jobs/events", is_stream=True)


def redengine() -> Doings:
    """Tasks are made, run, changed and removed; one runs by its condition as well."""
    yield Ask("POST", "/redengine/tasks/beat", {"class": "CodeTask", "code": "1", "start_cond": "every 2 s"})
    for number in itertools.count():
        yield Ask("POST", "/redengine/tasks/tool", {"class": "CodeTask", "code": f"print({number})"})
        run = yield Ask("POST", "/redengine/tasks/tool/run")
        yield Ask("GET", "/redengine/logs?task_name=beat&limit=10")
        yield Ask("GET", f"/redengine/runs/{run['run_id']}?wait=30")
        yield Ask("GET", f"/redengine/runs/{run['run_id']}/output")
        yield Ask("PATCH", "/redengine/tasks/tool", {"priority": number % 100})
        yield Ask("GET", "/redengine/tasks")
        yield Ask("DELETE", "/redengine/tasks/tool")


DOINGS: dict[str, Callable[[], Doings]] = {
    "supvisors": supvisors,
    "ecflow": ecflow,
    "hoplite": hoplite,
    "flux": flux,
    "redengine": redengine,
}


@dataclass(frozen=True)
class Answered:
    """One request: its API, whether it had to wait for a process or job, and the seconds until its answer was there."""

    api: str
    waits: bool
    seconds: float


class Stream:
    """The clients, in threads of this process; begins and ends as a context.

    Attributes:
        wrong: What went wrong, in words: a client ends with it.
    """

    def __init__(self, site: Site, pause: float) -> None:
        """Prepare; each client rests for `pause` seconds after each answer."""
        self.wrong: list[str] = []
        self._site, self._pause = site, pause
        self._answered: list[Answered] = []
        self._ends = threading.Event()
        self._clients = [threading.Thread(target=self._do, args=(api, do())) for api, do in DOINGS.items()]

    def take(self) -> list[Answered]:
        """The answers since this was last asked."""
        taken, self._answered = self._answered, []
        return taken

    def __enter__(self) -> Stream:
        """Begin."""
        for client in self._clients:
            client.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, when the requests under way are answered."""
        self._ends.set()
        for client in self._clients:
            client.join(_TIMEOUT)

    def _do(self, api: str, doings: Doings) -> None:
        try:
            ask = next(doings)
            while not self._ends.is_set():
                with closing(http.client.HTTPConnection("127.0.0.1", self._site.port, timeout=_TIMEOUT)) as connection:
                    for _ in range(_REQUESTS):
                        begin = time.monotonic()
                        told = self._sent(connection, ask)
                        if not ask.is_stream:
                            self._answered.append(Answered(api, "wait=" in ask.path, time.monotonic() - begin))
                        ask = doings.send(told)
                        if self._ends.wait(self._pause):
                            return
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.wrong.append(f"{ask.method} {ask.path}: {error!r}")

    def _sent(self, connection: http.client.HTTPConnection, ask: Ask) -> Any:
        headers = {"Authorization": f"Bearer {self._site.token}"} if ask.path.startswith("/ecflow/") else {}
        if ask.is_stream:
            return self._begun(ask, headers)
        body = None if ask.body is None else json.dumps(ask.body)
        connection.request(ask.method, ask.path, body, {**headers, "Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if not 200 <= answer.status < 300:
            raise ValueError(f"{answer.status} {content[:300]!r}")
        return json.loads(content) if content else None

    def _begun(self, ask: Ask, headers: dict[str, str]) -> None:
        """Begin to read a stream, and leave."""
        with closing(http.client.HTTPConnection("127.0.0.1", self._site.port, timeout=_TIMEOUT)) as connection:
            connection.request(ask.method, ask.path, headers=headers)
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise ValueError(f"{answer.status} {answer.read()!r}")
