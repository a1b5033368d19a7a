"""A little HTTP server that notes what it is sent and answers as it is told."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple


class Received(NamedTuple):
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Listens on 127.0.0.1 while it is used as a context.

    Attributes:
        received: What came, oldest first.
        port: Where it listens.
    """

    def __init__(self, answers: Sequence[int] = (), port: int = 0) -> None:
        """Answer with these statuses, then with 200 for ever."""
        self.received: list[Received] = []
        self._answers = list(answers)
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self.port: int = self._server.server_address[1]

    def wait(self, count: int, seconds: float = 60) -> list[Received]:
        """The requests, as soon as there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.received) >= count, seconds), self.received
            return list(self.received)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def _take(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                with receiver._arrived:
                    status = receiver._answers.pop(0) if receiver._answers else 200
                    receiver.received.append(Received(self.command, self.path, dict(self.headers), body))
                    receiver._arrived.notify_all()
                self.send_response(status)
                self.send_header("location", f"http://127.0.0.1:{receiver.port}/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            do_PUT = do_POST = do_GET = _take  # noqa: N815 - names of the standard library

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def __enter__(self) -> Receiver:
        """Listen."""
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
