"""What jobs write: Flux keeps it as a log of events (RFC 24), which can be read as a whole, and followed."""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing, suppress
from typing import Any, Final

import orjson

from opsgate.backends.errors import NotFound
from opsgate.backends.flux.broker import faults
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.broker.talks import END, Subscription

_LOG: Final = "guest.output"
_WAIT_UNTIL_THERE: Final = 1
_ANY_RANK: Final = 0xFFFFFFFF
_MOST: Final = 16 * 1024**2
"""Characters in one answer."""
_MORE: Final = "\n[there is more: read the output as a stream]\n"


class Output:
    """Reads what jobs wrote.

    Args:
        connection: Leads to the instance.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._streams = connection.another()  # each line is a message: thousands of them would hold up all else

    async def lines(self, number: int) -> list[str] | None:
        """Return what a job that has begun wrote so far; None if there is nothing to read yet."""
        try:
            return await asyncio.to_thread(_lines, await self._log(number))
        except NotFound:
            return None

    async def whole(self, number: int) -> str:
        """Return what a job wrote that is over."""
        try:
            return await asyncio.to_thread(_whole, await self._log(number))
        except NotFound:  # it ended before it could write
            return ""

    async def follow(self, number: int) -> AsyncGenerator[str, None]:
        """Yield what a job that has begun wrote, and go on until it is over."""
        with suppress(NotFound):
            async with aclosing(self._events(number)) as told:
                async for event in told:
                    if text := _text(event):
                        yield text

    async def aclose(self) -> None:
        """Hang up."""
        await self._streams.aclose()

    async def _log(self, number: int) -> str:
        payload = {"id": number, "keys": [_LOG], "flags": 0}
        log: str = await self._connection.ask(
            "job-info.lookup",
            lambda handle, _: handle.rpc("job-info.lookup", payload),
            lambda pending: orjson.loads(pending.get_str())[_LOG],
            doing=f"The output of job {number} cannot be read",
        )
        return log

    async def _events(self, number: int) -> AsyncGenerator[dict[str, Any], None]:
        heard: asyncio.Queue[str | OSError | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def take(told: str | OSError | None) -> None:
            with suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(heard.put_nowait, told)

        payload = {"id": number, "path": _LOG, "flags": _WAIT_UNTIL_THERE}
        subscription = Subscription("job-info.eventlog-watch", payload, _ANY_RANK, take)
        self._streams.post(subscription)
        try:
            while (told := await heard.get()) is not END:
                if isinstance(told, OSError):
                    raise faults.meaning(told, f"The output of job {number} cannot be read") from told
                for event in _events(orjson.loads(told)["event"]):
                    yield event
        finally:
            self._streams.post(subscription.leave)


def _events(log: str) -> Iterator[dict[str, Any]]:
    return (orjson.loads(line) for line in log.split("\n") if line)


def _lines(log: str) -> list[str]:
    return list(io.StringIO("".join(_at_most(map(_text, _events(log)))), newline="\n"))


def _whole(log: str) -> str:
    return "".join(map(_text, _events(log)))


def _at_most(texts: Iterable[str]) -> Iterator[str]:
    size = 0
    for text in texts:
        size += len(text)
        if size > _MOST:
            yield _MORE
            return
        yield text


def _text(event: dict[str, Any]) -> str:
    """What was written; nothing for events that tell of something else."""
    context = event.get("context", {})
    if event.get("name") != "data" or "data" not in context:
        return ""
    if context.get("encoding") == "base64":
        return base64.b64decode(context["data"]).decode(errors="replace")
    return str(context["data"])
