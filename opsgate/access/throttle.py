"""Slows down whoever tries credentials: after some wrong ones, an address is not listened to for a minute."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

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

    @property
    def are_many(self) -> bool:
        """Whether any address may have to wait: mostly none has failed at all."""
        return bool(self._times)

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
        """Let wait who failed too often, before `app` is asked."""
        self._app = app
        self._failures = failures
        self._problems = problems

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass a request on, or refuse it if it shows credentials and others were wrong too often."""
        if self._failures.are_many and (left := self._seconds_left(scope)):
            return self._refuse(scope, send, int(left) + 1)
        return self._app(scope, receive, send)

    def _seconds_left(self, scope: Scope) -> float:
        return self._failures.seconds_left(scope["client"][0]) if _shows_credentials(scope) else 0

    async def _refuse(self, scope: Scope, send: Send, seconds: int) -> None:
        message = f"Too many wrong credentials from {scope['client'][0]}: wait {seconds} s"
        await self._problems.refuse(scope, send, TooMany(message, retry_after=seconds))


def note(failures: Failures, scope: Scope) -> None:
    """Count a request that was answered with 401; one without credentials was no try."""
    if _shows_credentials(scope):
        failures.note(scope["client"][0])


def _shows_credentials(scope: Scope) -> bool:
    return scope["type"] == "http" and bool(scope.get("client") and (shown.authorization(scope) or shown.key(scope)))
