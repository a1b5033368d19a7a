"""The `status` that a plugin's `run(config, status)` gets, and a stand-in for developing plugins.

    from opsgate.backends.hoplite.updater import MockStatusUpdater

    if __name__ == "__main__":
        run({"to": 3}, MockStatusUpdater())

On the machine of the job engine a status goes to the job's runner, no network in between. A process that does not have
that channel (another machine, a process that the plugin spawned) sends it by `PUT /jobs/{uuid}` with the job's key, and
tries again for as long as a restart of the server may take.
"""

from __future__ import annotations

import json
import time

from opsgate.backends.hoplite import markers
from opsgate.backends.hoplite.exceptions import JobDoesNotExistError, StatusNotDeliveredError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_RETRY_SECONDS = 60.0
_REQUEST_SECONDS = 20.0
_NOT_FOUND = 404
_AWAY = (502, 503, 504)


class StatusUpdater:
    """Replaces the status of one job.

    Attributes:
        addr: Where the job's server listens, `host:port`, with the path of the API behind it if it has one.
        status: What was last reported; a plugin may change it and report it again.
    """

    def __init__(self, addr: str, uuid: str, api_key: str, report: Callable[[object], bool] | None = None) -> None:
        """Report for the job `uuid`, by `report` if there is one, which returns whether a status was taken."""
        self.addr = addr
        self._daemon_addr = f"http://{addr}"
        self._uuid = uuid
        self._api_key = api_key
        self._report = report
        self.status: dict[str, Any] = {}

    def update(self, status: dict[str, Any]) -> None:
        """Replace the job's status. When this returns, everybody can see it.

        Raises:
            JobDoesNotExistError: The server does not know the job.
            StatusNotDeliveredError: The server cannot be reached for a minute.
        """
        self.status = status
        encoded = markers.encode(status)
        if self._report is None or not self._report(encoded):
            self._put(encoded)

    def _put(self, status: object) -> None:
        body = json.dumps({"api_key": self._api_key, "status": status}).encode()
        problem = ""
        for pause in _pauses(_RETRY_SECONDS):
            code, problem = _send(f"{self._daemon_addr}/jobs/{self._uuid}", body)
            if code == _NOT_FOUND:
                raise JobDoesNotExistError
            if code and code not in _AWAY:
                return
            time.sleep(pause)
        raise StatusNotDeliveredError(f"The server at {self.addr} does not take the job's status: {problem}")

    def __getstate__(self) -> dict[str, object]:
        """For a process that the plugin starts: the channel cannot be handed on."""
        return self.__dict__ | {"_report": None}


class MockStatusUpdater:
    """Prints what a plugin reports."""

    def __init__(self, addr: str = "0.0.0.0:5000", uuid: str = "{0}", api_key: str = "") -> None:
        """Have the attributes of a `StatusUpdater`."""
        self.addr = addr
        self._daemon_addr = f"http://{addr}"
        self._uuid = uuid
        self._api_key = api_key
        self.status: dict[str, Any] = {}

    def update(self, status: dict[str, Any]) -> None:
        """Print the status as the server would show it."""
        self.status = status
        print(json.dumps(markers.encode(status)))  # noqa: T201 - that is what it is for


def _pauses(seconds: float) -> Iterator[float]:
    """How long to wait after each attempt that failed, until so many seconds have passed."""
    end, pause = time.monotonic() + seconds, 0.1
    while time.monotonic() < end:
        yield pause
        pause = min(pause * 2, 2.0)


def _send(url: str, body: bytes) -> tuple[int, str]:
    """Return the status of the answer, 0 for none, and what went wrong."""
    from http.client import HTTPException  # noqa: PLC0415 - milliseconds that jobs with a channel save
    from urllib import error, request  # noqa: PLC0415 - as above

    headers = {"Content-Type": "application/json"}
    opener = request.build_opener(request.ProxyHandler({}))
    try:
        with opener.open(request.Request(url, body, headers, method="PUT"), timeout=_REQUEST_SECONDS) as answer:  # noqa: S310 - http
            return int(answer.status), ""
    except error.HTTPError as refused:
        refused.close()
        return refused.code, str(refused)
    except (OSError, HTTPException, ValueError) as failed:
        return 0, str(failed)
