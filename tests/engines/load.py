"""Steady load on a gateway: jobs are listed and made, and none is started."""

from __future__ import annotations

import http.client

from tests.faults.clients import READERS, WRITERS, Answer, Request, Stream, tcp

CLIENTS = READERS + WRITERS
"""How many ask at the same time: so many answers may be counted later than they came."""


class _Jobs:
    """The Hoplite API below its prefix."""

    def __init__(self, port: int) -> None:
        self._port = port

    def connect(self) -> http.client.HTTPConnection:
        return tcp(self._port)

    def read(self) -> Request:
        return Request("GET", "/hoplite/jobs?limit=1")

    def write(self, key: str) -> Request:
        return Request("POST", "/hoplite/jobs", {"plugin_name": "hoplite.plugins.command", "config": {"key": key}})

    def is_documented(self, answer: Answer) -> bool:
        return answer.has_texts("error")


class Load(Stream):
    """Clients of the Hoplite API of a gateway on a port of 127.0.0.1; the key of a job is in its config."""

    def __init__(self, port: int) -> None:
        """Prepare it."""
        super().__init__(_Jobs(port))
