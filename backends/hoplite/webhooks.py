"""Sends finished jobs where their creators want them: at least once each, by whichever worker comes first."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import http.client
import json
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from opsgate.backends.errors import Denied, EngineError, Invalid, NotFound, Unavailable
from opsgate.backends.hoplite.owed import Debt, Owed
from opsgate.backends.hoplite.port import JsonObject

log = logging.getLogger(__name__)

_CONNECTIONS: Final = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
_SECONDS: Final = 10.0  # that a receiver has to answer
_AT_ONCE: Final = 4
_BETWEEN: Final = 1.0  # seconds between looks at what is owed
_LONGEST_PAUSE: Final = 300.0
_UNKNOWN: Final = 60.0  # seconds after which a job that is not there was never created
_SUCCESS: Final = range(200, 300)

FindJob = Callable[[str], Awaitable[JsonObject]]


@dataclass(frozen=True, slots=True)
class Rules:
    """Where deliveries may go, and how they are made.

    Attributes:
        hosts: `host` for the usual port, or `host:port`; without any there are no webhooks.
        secret: Signs the body; unsigned if empty.
        attempts: How often a delivery is tried; after each the pause doubles, from one second to five minutes.
    """

    hosts: list[str] = field(default_factory=list)
    secret: str = ""
    attempts: int = 12

    def check(self, url: str) -> None:
        """Raise `Invalid` for an address that is none, `Denied` for one that is not allowed."""
        try:
            parts = urlsplit(url)
            place = _place(parts)
        except ValueError as error:
            raise Invalid(f"The webhook {url!r} is no address: {error}") from error
        plain = url.isascii() and url.isprintable() and " " not in url and "@" not in parts.netloc
        if not (plain and place[0] and parts.scheme in _CONNECTIONS):
            raise Invalid(f"The webhook {url!r} is not the address of a host by http or https")
        if place not in [_place(urlsplit(f"{parts.scheme}://{host}")) for host in self.hosts]:
            raise Denied(f"Webhooks to {place[0]}:{place[1]} are not allowed here, see [hoplite] webhook_hosts")


class Webhooks:
    """Notes what is owed, and delivers it.

    Args:
        directory: Where it is noted.
        rules: Where it may go.
    """

    def __init__(self, directory: Path, rules: Rules) -> None:
        self._owed = Owed(directory)
        self._rules = rules

    @property
    def are_possible(self) -> bool:
        """Whether there is any host that may get some."""
        return bool(self._rules.hosts)

    async def owe(self, job_uuid: str, url: str) -> None:
        """Note that a job, about to be created, is to be sent; `Invalid`, `Denied`, `Unavailable` (no room for it)."""
        self._rules.check(url)
        try:
            await asyncio.to_thread(self._owed.write, job_uuid, Debt(url, time.time()))
        except OSError as error:
            raise Unavailable(f"The webhook cannot be noted: {error}", retry_after=1) from error

    async def run(self, find: FindJob) -> None:
        """Deliver what is owed until this is cancelled.

        Args:
            find: Returns a job; `NotFound`.
        """
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(_AT_ONCE, "webhook") as threads:
            while True:
                try:
                    due = await loop.run_in_executor(threads, self._owed.due)
                    jobs = [(job_uuid, await _look(find, job_uuid)) for job_uuid in due]
                    over = [(job_uuid, job) for job_uuid, job in jobs if job is None or job["finished"]]
                    await asyncio.gather(*(loop.run_in_executor(threads, self._deliver, *each) for each in over))
                except (EngineError, OSError) as error:
                    log.warning("Webhooks wait: %s", error)
                await asyncio.sleep(_BETWEEN)

    def _deliver(self, job_uuid: str, job: JsonObject | None) -> None:
        with self._owed.claim(job_uuid) as debt:
            if debt is None:
                return
            if job is None:
                if time.time() - debt.since > _UNKNOWN:
                    self._owed.settle(job_uuid)
                return
            problem = _post(debt.url, json.dumps(job).encode(), self._rules.secret)
            if problem is None:
                self._owed.settle(job_uuid)
            else:
                self._put_off(job_uuid, debt, problem)

    def _put_off(self, job_uuid: str, debt: Debt, problem: str) -> None:
        attempts = debt.attempts + 1
        if attempts >= self._rules.attempts:
            log.error("Job %s is given up for %s, tried %d times: %s", job_uuid, debt.url, attempts, problem)
            self._owed.settle(job_uuid)
            return
        pause = min(2.0**debt.attempts, _LONGEST_PAUSE)
        self._owed.write(job_uuid, replace(debt, attempts=attempts, after=time.time() + pause))


async def _look(find: FindJob, job_uuid: str) -> JsonObject | None:
    try:
        return await find(job_uuid)
    except NotFound:
        return None


def _place(parts: SplitResult) -> tuple[str, int]:
    """Host and port."""
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return parts.hostname or "", port


def _post(url: str, body: bytes, secret: str) -> str | None:
    """Send a body, following no redirect; return what went wrong."""
    parts = urlsplit(url)
    headers = {"Content-Type": "application/json", "User-Agent": "opsgate"}
    if secret:
        headers["X-Opsgate-Signature"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    host, port = _place(parts)
    connection = _CONNECTIONS[parts.scheme](host, port, timeout=_SECONDS)
    try:
        connection.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return None if status in _SUCCESS else f"it answers {status}"
