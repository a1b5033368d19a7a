"""A regular expression is tried here before supervisord gets it.

Some expressions take longer than anyone can wait on a name of twenty letters, and supervisord matches in the one thread
that does all its work. So they meet the same names first in a process that can be ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence

from opsgate.backends.errors import Invalid, Unavailable

_SECONDS = 1.0
_AT_A_TIME = 2
_MATCH = "import json, re, sys; regex, names = json.load(sys.stdin); [re.search(regex, name) for name in names]"


class Trial:
    """Tries expressions, a few at a time."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(_AT_A_TIME)

    async def check(self, regex: str, names: Sequence[str]) -> None:
        """Raise `Invalid` if matching the names takes longer than a second.

        Args:
            regex: A valid expression.
            names: What it will be searched in.
        """
        question = json.dumps([regex, names]).encode()
        async with self._free:
            process = await _start()
            try:
                async with asyncio.timeout(_SECONDS):
                    await process.communicate(question)
            except TimeoutError as error:
                raise Invalid(f"regex={regex!r} takes too long to match the names of the processes") from error
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


async def _start() -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _MATCH),
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError as error:
        raise Unavailable(f"the expression cannot be tried first: {error}") from error
