"""Logs as text, also where what was asked for begins or ends within a character.

supervisord decodes what it reads, and fails altogether when that is not UTF-8 from the first byte to the last. Asked
within system.multicall it says so without writing a traceback into its own log. Then the same is asked again for
windows that are up to three bytes shorter at either end, all in one round trip; U+FFFD stands for what was cut off.
"""

from __future__ import annotations

import re
from typing import Any

from opsgate.backends.errors import Broken, EngineError
from opsgate.backends.supvisors.client import Client
from opsgate.backends.supvisors.codec import Parameter

_MARK = "\ufffd"
_CUTS = sorted(((start, end) for start in range(4) for end in range(4)), key=sum)  # a character has up to four bytes
_UNDECODABLE = re.compile(r"FAILED: <class '(UnicodeDecodeError'>|AttributeError'>:.*'utf-?8'$)")
_CRASHED = "FAILED: <class "

_Window = tuple[int, int]
_Cut = tuple[int, int]


async def read(client: Client, method: str, *target: str, window: _Window) -> str:
    """Return a part of a log.

    Args:
        client: The daemon.
        method: Reads the log.
        target: What it wants before the window: nothing, or a namespec.
        window: First byte and number of bytes, 0 for all; or minus the number of bytes at the end, and 0.

    Raises:
        Broken: The log holds bytes that are not UTF-8, other than at the ends of the window.
    """
    offset, length = window
    bytes_asked = length or -offset
    cuts = [cut for cut in _CUTS if (length or not cut[1]) and not 0 < bytes_asked <= sum(cut)]
    found = await _decodable(client, method, target, window, cuts)
    if found is None and 0 < bytes_asked <= sum(_CUTS[-1]):
        return _MARK  # nothing but parts of characters
    return _marked(*_found(found, method))


async def tail(client: Client, method: str, *target: str, window: _Window) -> list[Any]:
    """Return the end of a log, its size, and whether that is more than offset + length. Arguments as in `read`."""
    cuts = [cut for cut in _CUTS if not cut[1] and cut[0] <= window[1]]
    cut, (text, size, overflow) = _found(await _decodable(client, method, target, window, cuts), method)
    return [_marked(cut, text), size, overflow]


async def _decodable(
    client: Client, method: str, target: tuple[str, ...], window: _Window, cuts: list[_Cut]
) -> tuple[_Cut, Any] | None:
    """Return the smallest cut with which the log can be had, and the answer."""
    for attempt in (cuts[:1], cuts[1:]):
        calls: list[tuple[Parameter, ...]] = [(method, *target, *_shorter(window, cut)) for cut in attempt]
        for cut, answer in zip(attempt, await client.batch(*calls), strict=True):
            if not (isinstance(answer, EngineError) and _UNDECODABLE.match(answer.message)):
                return cut, answer
    return None


def _shorter(window: _Window, cut: _Cut) -> _Window:
    offset, length = window
    start, end = cut
    return offset + start, length and length - start - end


def _found(found: tuple[_Cut, Any] | None, method: str) -> tuple[_Cut, Any]:
    if found is None:
        raise Broken(f"{method} cannot deliver this part of the log: it holds bytes that are not UTF-8")
    cut, answer = found
    if isinstance(answer, EngineError):
        raise Broken(f"supervisord failed in {method}") if answer.message.startswith(_CRASHED) else answer
    return cut, answer


def _marked(cut: _Cut, text: str) -> str:
    start, end = cut
    return f"{_MARK if start else ''}{text}{_MARK if end else ''}"
