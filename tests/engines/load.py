"""Steady load on a gateway: several clients that read and write, each answer counted."""

from __future__ import annotations

import http.client
import json
import threading
import time
from types import TracebackType
from typing import Any

CLIENTS = 3
"""How many ask at the same time: so many answers may be counted later than they came."""
_PAUSE = 0.02  # seconds between two requests of a client: load, but room for what is tested
_PATIENCE = 60.0


class Load:
    """Clients of the Hoplite API, in threads of this process.

    Attributes:
        answered: The request ids of all answers, by which worker and order are told.
        created: The jobs that were answered to be made.
        failures: What went wrong, in words.
    """

    def __init__(self, port: int) -> None:
        """Ask 127.0.0.1 on this port: two clients with a new connection for each request, one that keeps its own."""
        self.answered: list[str] = []
        self.created: list[str] = []
        self.failures: list[str] = []
        self._port = port
        self._ends = threading.Event()
        self._clients = [threading.Thread(target=client) for client in (self._read, self._create, self._keep)]

    def more(self, answers: int) -> None:
        """Wait for so many more answers."""
        wanted, end = len(self.answered) + answers, time.monotonic() + _PATIENCE
        while len(self.answered) < wanted:
            assert time.monotonic() < end, f"no more answers: {self.failures}"
            time.sleep(_PAUSE)

    def __enter__(self) -> Load:
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
            client.join(_PATIENCE)

    def _read(self) -> None:
        while not self._ends.wait(_PAUSE):
            self._once("GET", "/hoplite/jobs?limit=1", None)

    def _create(self) -> None:
        while not self._ends.wait(_PAUSE):
            answer = self._once("POST", "/hoplite/jobs", {"plugin_name": "hoplite.plugins.command", "config": {}})
            if answer is not None:
                self.created.append(answer["uuid"])

    def _once(self, method: str, path: str, body: object) -> Any:
        """Ask on a connection of its own."""
        connection = self._connection()
        try:
            return self._ask(connection, method, path, body)
        except (OSError, http.client.HTTPException) as exc:
            self.failures.append(f"{method}: {exc!r}")
            return None
        finally:
            connection.close()

    def _keep(self) -> None:
        """Ask on one connection for as long as it lasts.

        A read on a connection that had answered before is asked again if it was closed meanwhile, as curl, browsers
        and urllib3 do: HTTP leaves no other way to tell a client of the end of one that it does not use.
        """
        connection, used = self._connection(), False
        while not self._ends.wait(_PAUSE):
            try:
                self._ask(connection, "GET", "/hoplite/jobs?limit=1", None)
                used = True
            except (OSError, http.client.HTTPException) as exc:
                if not used:
                    self.failures.append(f"kept: {exc!r}")
                connection.close()
                used = False
        connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=_PATIENCE)

    def _ask(self, connection: http.client.HTTPConnection, method: str, path: str, body: object) -> Any:
        headers = {} if body is None else {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 201):
            self.failures.append(f"{method}: {answer.status} {content[:200]!r}")
            return None
        self.answered.append(answer.headers["X-Request-ID"])
        return json.loads(content)
