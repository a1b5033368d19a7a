"""``python -m opsgate.ecflow.launch PROGRAM PORT``: ecflow_server, restarted out of the HALTED in which it begins."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Final

from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.port import User
from opsgate.backends.errors import EngineError

_LIMIT: Final = 60.0  # seconds until it must answer
_PAUSE: Final = 0.1


def main(program: str, port: str) -> None:
    """Become ecflow_server; a process of its own tells it to run as soon as it answers."""
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        os.execv(program, [program, "--port", port])  # noqa: S606 - no shell is meant
    if os.fork():
        os._exit(0)
    user, *_, password = Path(os.environ["ECF_PASSWD"]).read_text(encoding="utf-8").split()[-4:]
    asyncio.run(_restart(int(port), User(user, password)))


async def _restart(port: int, user: User) -> None:
    backend = connect(Address("127.0.0.1", port), user=user)
    end = time.monotonic() + _LIMIT
    while time.monotonic() < end:
        try:
            await backend.server.act("restart")
            break
        except EngineError:
            await asyncio.sleep(_PAUSE)
    await backend.aclose()


if __name__ == "__main__":
    main(*sys.argv[1:])
