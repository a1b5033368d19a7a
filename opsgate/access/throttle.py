"""Slows down whoever tries credentials: after some wrong ones, an address is not listened to for a minute."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from opsgate.access import shown
from opsgate.backends.errors import TooMany
from opsgate.problems import Problems

_SPAN: Final = 60.0
_ADDRESSES: Final = 10_000


class Failures:
    """When which address failed lately.

    Args:
        most: How often an address may fail in a minute.
        clock: Seconds that only grow; for tests.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def note(self, address: str) -> None:
        """Another failure of this address."""
        times = self._times.pop(address, None) or deque(maxlen=self._most)
        times.append(self._clock())
        self._times[address] = times
        if len(self._times) > _ADDRESSES:
            self._times.popitem(last=False)

    def seconds_left(self, address: str) -> float:
        """How long the address must wait; 0 if it need not."""
        times = self._times.get(address)
        if times is None or len(times) < self._most:
            return 0
        return max(0.0, times[0] + _SPAN - self._clock())


class Throttle:
    """ASGI middleware, behind the guard, in front of whoever judges credentials. Each worker counts for itself."""

    def __init__(self, app: ASGIApp, *, failures: Failures, problems: Problems) -> None:
        """Count the failures of those who ask `app`."""
        self._app = app
        self._failures = failures
        self._problems = problems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it if it shows credentials and others were wrong too often."""
        client = scope.get("client") if scope["type"] == "http" else None
        if not client or not (shown.authorization(scope) or shown.key(scope)):
            await self._app(scope, receive, send)
            return
        address: str = client[0]
        if left := self._failures.seconds_left(address):
            seconds = int(left) + 1
            refused = TooMany(f"Too many wrong credentials from {address}: wait {seconds} s", retry_after=seconds)
            await self._problems.refuse(scope, send, refused)
            return

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == HTTPStatus.UNAUTHORIZED:
                self._failures.note(address)
            await send(message)

        await self._app(scope, receive, watched)
