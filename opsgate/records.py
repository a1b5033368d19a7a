"""A line for each request (access log) or for each that may change something (audit log).

Lines of the access log are gathered and written five times a second: a worker that is killed takes the last ones with
it. A line of the audit log is written before the answer is sent. The query of a URL is in neither, as it may hold a
secret; so are no headers and no bodies.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson
from starlette.types import Scope

from opsgate.access.caller import CALLER, name_of
from opsgate.metrics.meter import OPERATION, OTHER

log = logging.getLogger("opsgate.records")

Line = dict[str, Any]
Format = Callable[[Line], bytes]

_PAUSE: Final = 0.2
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Log:
    """A file that several processes append whole lines to; made anew when it was moved away (logrotate).

    Attributes:
        name: Its name.
    """

    def __init__(self, name: str) -> None:
        """Append to the file of this name; ``-`` is standard output."""
        self.name = name
        self._path = None if name == "-" else Path(name)
        self._descriptor = 1 if self._path is None else -1

    def write(self, lines: bytes) -> None:
        """Append lines.

        Raises:
            OSError: They cannot be written.
        """
        if self._path is not None and not self._is_open(self._path):
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        os.write(self._descriptor, lines)

    def _is_open(self, path: Path) -> bool:
        if self._descriptor == -1:
            return False
        try:
            there = path.stat()
        except FileNotFoundError:
            there = None
        ours = os.fstat(self._descriptor)
        if there is not None and (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev):
            return True
        os.close(self._descriptor)
        return False


class Records:
    """Writes both logs of one process."""

    def __init__(self, access: str = "", audit: str = "", *, as_json: bool = False) -> None:
        """Take the names of the files, empty for none, and whether lines are JSON objects."""
        self._access = Log(access) if access else None
        self._audit = Log(audit) if audit else None
        self._format: Format = _json if as_json else _text
        self._waiting: list[Line] = []

    @property
    def wanted(self) -> bool:
        """Whether there is anything to write."""
        return self._access is not None or self._audit is not None

    def try_out(self) -> None:
        """Open both files.

        Raises:
            OSError: One of them cannot be written; its `filename` tells which.
        """
        for file in (self._access, self._audit):
            if file is not None:
                file.write(b"")

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Record a request, `seconds` after which its answer began."""
        line = _line(scope, status, seconds)
        if self._access is not None:
            self._waiting.append(line)
        if self._audit is not None and scope["method"] not in _READS:
            self._write(self._audit, line)

    async def keep_writing(self) -> None:
        """Write the access log's lines now and then, until cancelled, and once more then."""
        try:
            while True:
                await asyncio.sleep(_PAUSE)
                self.flush()
        finally:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._access is not None and self._waiting:
            waiting, self._waiting = self._waiting, []
            self._write(self._access, *waiting)

    def _write(self, to: Log, *lines: Line) -> None:
        try:
            to.write(b"".join(map(self._format, lines)))
        except OSError as exc:  # what was done is done: the answer must not become another one
            log.warning("%d lines of %s are lost: %s", len(lines), to.name, exc.strerror)


def _line(scope: Scope, status: int, seconds: float) -> Line:
    client = scope.get("client")
    label = scope.get(OPERATION, OTHER)
    return {
        "time": time.time(),
        "client": client[0] if client else "",
        "caller": name_of(scope.get(CALLER)),
        "method": scope["method"],
        "path": (scope.get("raw_path") or scope["path"].encode()).decode("latin-1"),
        "api": label.api,
        "operation": label.operation,
        "status": status,
        "seconds": round(seconds, 6),
        "request_id": scope.get("request_id", ""),
    }


def _json(line: Line) -> bytes:
    return orjson.dumps({**line, "time": _time(line["time"])}, default=str, option=orjson.OPT_APPEND_NEWLINE)


def _text(line: Line) -> bytes:
    """Like the common log format, with operation, duration and request id behind it."""
    shown = {name: _shown(value) for name, value in line.items()}
    return (
        f"{shown['client']} - {shown['caller']} [{_time(line['time'])}] "
        f'"{line["method"]} {shown["path"]}" {line["status"]} {line["seconds"]:.6f} '
        f"{_shown('.'.join(filter(None, (line['api'], line['operation']))))} {shown['request_id']}\n"
    ).encode()


def _shown(value: object) -> str:
    """One printable word, so that no client can write lines of its own."""
    return "".join(c if c.isprintable() and c not in ' "\\' else f"\\x{ord(c):02x}" for c in str(value)) or "-"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="milliseconds")
