"""``python -m opsgate.ecflow.launch PROGRAM PORT [open]``: an ecflow_server that runs, and for this machine alone.

It begins HALTED, and open to all interfaces. A process of its own, nobody's child, ties it to the loopback interface
(`opsgate.ecflow.loopback`), unless it may be ``open``. As soon as it answers, it is told to write its checkpoint with
every change, so that whatever was answered outlives it, and to run.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Final

from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.port import User
from opsgate.backends.errors import EngineError
from opsgate.ecflow import loopback

OPEN: Final = "open"
_LIMIT: Final = 60.0  # seconds until it must answer
_PAUSE: Final = 0.1


def main(program: str, port: str, reach: str = "") -> None:
    """Become ecflow_server."""
    companion, held = _companion(int(port), confined=reach != OPEN)
    loopback.permit(companion)
    os.close(held)
    os.execv(program, [program, "--port", port])  # noqa: S606 - no shell is meant


def _companion(port: int, *, confined: bool) -> tuple[int, int]:
    """Fork the companion; its process id, and a descriptor that it waits for to be closed."""
    server = os.getpid()
    told, tell = os.pipe()
    gate, held = os.pipe()
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        os.close(tell)
        os.close(gate)
        with os.fdopen(told) as number:
            return int(number.read()), held
    second = os.fork()
    if second:
        os.write(tell, str(second).encode())
        os._exit(0)
    for end in (told, tell, held):
        os.close(end)
    os.read(gate, 1)
    _accompany(server, port, confined=confined)
    os._exit(0)


def _accompany(server: int, port: int, *, confined: bool) -> None:
    """Confine the server, or end it, then let it run."""
    if confined:
        try:
            loopback.confine(server, port, _LIMIT)
        except ProcessLookupError:
            return
        except BaseException:
            os.kill(server, signal.SIGKILL)
            raise
    user, *_, password = Path(os.environ["ECF_PASSWD"]).read_text(encoding="utf-8").split()[-4:]
    asyncio.run(_restart(port, User(user, password)))


async def _restart(port: int, user: User) -> None:
    backend = connect(Address("127.0.0.1", port), user=user)
    end = time.monotonic() + _LIMIT
    while time.monotonic() < end:
        try:
            await backend.preserve()
            await backend.server.act("restart")
            break
        except EngineError:
            await asyncio.sleep(_PAUSE)
    await backend.aclose()


if __name__ == "__main__":
    main(*sys.argv[1:])
