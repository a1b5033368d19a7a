"""Asks a session that `side.attach` offers."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from opsgate.backends.calls import Calls
from opsgate.backends.errors import Broken, Conflict, Denied, EngineError, Invalid, NotFound, Timeout, Unavailable

_SECONDS: Final = 10.0
_LONGEST_LINE: Final = 64 * 1024 * 1024
_KINDS: Final[dict[str, type[EngineError]]] = {
    kind.__name__: kind for kind in (Invalid, NotFound, Conflict, Denied)
}  # fmt: skip
_READS: Final = frozenset({"tasks", "settings", "records", "dependencies", "check"})


class Client:
    """One connection, made when it is needed; requests wait for each other, for the session has one loop.

    Args:
        path: The session's socket.

    Attributes:
        calls: The questions that were asked.
    """

    def __init__(self, path: str) -> None:
        self.calls = Calls("session")
        self._path = path
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, *arguments: Any) -> Any:
        """Return what the session answers.

        Raises:
            Invalid, NotFound, Conflict: As the session says.
            Unavailable: It does not run, or went away.
            Timeout: It does not answer: one of its tasks holds it up.
        """
        line = json.dumps([method, *arguments]).encode() + b"\n"
        answer = await self.calls.counted(method, self._answer(line, is_read=method in _READS))
        if "kind" in answer:
            raise _KINDS.get(answer["kind"], Broken)(answer["message"])
        return answer["value"]

    async def aclose(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _answer(self, line: bytes, *, is_read: bool) -> dict[str, Any]:
        try:
            async with asyncio.timeout(_SECONDS), self._lock:
                return await self._exchange(line, is_read=is_read)
        except TimeoutError as error:
            raise Timeout(f"The session does not answer within {_SECONDS:.0f} s: a task holds it up") from error
        except (OSError, EOFError) as error:
            raise Unavailable(f"The session at {self._path} does not run: {error}", retry_after=1) from error

    async def _exchange(self, line: bytes, *, is_read: bool) -> dict[str, Any]:
        was_open = self._streams is not None
        try:
            return await self._once(line)
        except (OSError, EOFError):
            if not (was_open and is_read):
                raise
            return await self._once(line)

    async def _once(self, line: bytes) -> dict[str, Any]:
        if self._streams is None:
            self._streams = await asyncio.open_unix_connection(self._path, limit=_LONGEST_LINE)
        reader, writer = self._streams
        try:
            writer.write(line)
            await writer.drain()
            answered = await reader.readuntil(b"\n")
        except BaseException:  # whatever it is, the next answer would be that to this line
            await self.aclose()
            raise
        answer: dict[str, Any] = json.loads(answered)
        return answer
