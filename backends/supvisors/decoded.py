"""Answers that come again as they were are decoded once.

Decoding supervisord's process list of 15 programs takes 0.4 ms, and it changes once a second: under load 999 of 1000
answers equal the one before, byte for byte. What Supvisors tells has a clock in it, and gains nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

_MOST = 32
_LARGEST = 1 << 18


class Decoded:
    """The last answers to some calls, and what they hold. Results are shared: nobody may change them.

    Args:
        decode: Makes a result of an answer; what it raises is not kept.
    """

    def __init__(self, decode: Callable[[bytes], Any]) -> None:
        self._decode = decode
        self._last: OrderedDict[bytes, tuple[bytes, Any]] = OrderedDict()

    def result(self, call: bytes, answer: bytes) -> Any:
        """Return what `answer` holds; `call` is what it answers."""
        last = self._last.get(call)
        if last is not None and last[0] == answer:
            return last[1]
        result = self._decode(answer)
        self._keep(call, answer, result)
        return result

    def _keep(self, call: bytes, answer: bytes, result: Any) -> None:
        self._last.pop(call, None)
        if len(answer) + len(call) <= _LARGEST:
            self._last[call] = answer, result
        if len(self._last) > _MOST:
            self._last.popitem(last=False)
