"""``python -m opsgate.redengine.keeper PARENT COMMAND...``: keeps a program running for as long as its parent lives.

The parent is gunicorn's master, which has workers to look after and no hooks for anything else. The keeper is small,
so that nothing is likely to happen to it; if it does, the program goes on, and a scheduler ends by itself when its
gateway does.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Final

from opsgate.backends.jobs import linux

_SIGNALS: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
_PAUSES: Final = (0.1, 0.5, 1.0, 2.0, 5.0)
"""Seconds before a program is started again that ended soon, again and again."""
_SOON: Final = 10.0
_LAST_WORDS: Final = 70.0
"""Seconds that the program has when it is told to end: a scheduler runs tasks at its shutdown."""


def main(parent: int, command: list[str]) -> None:
    """Start the program, again when it ends; end it on SIGTERM, SIGINT or when the parent is gone."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    linux.die_with_parent(signal.SIGTERM)
    failures = 0
    while os.getppid() == parent:
        begun = time.monotonic()
        program = os.posix_spawn(command[0], command, os.environ, setsigmask=[])
        if _wait(program):
            return
        failures = failures + 1 if time.monotonic() - begun < _SOON else 0
        if _told(_PAUSES[min(failures, len(_PAUSES) - 1)]):
            return


def _wait(program: int) -> bool:
    """Wait for the program's end; whether it was our wish."""
    while True:
        if signal.sigwait(_SIGNALS) != signal.SIGCHLD:
            _end(program)
            return True
        if os.waitpid(program, os.WNOHANG)[0]:
            return False


def _end(program: int) -> None:
    os.kill(program, signal.SIGTERM)
    until = time.monotonic() + _LAST_WORDS
    while not os.waitpid(program, os.WNOHANG)[0]:
        left = until - time.monotonic()
        if left <= 0:
            os.kill(program, signal.SIGKILL)
            os.waitpid(program, 0)
            return
        signal.sigtimedwait({signal.SIGCHLD}, left)


def _told(seconds: float) -> bool:
    """Whether we are told to end within some time."""
    return signal.sigtimedwait({signal.SIGTERM, signal.SIGINT}, seconds) is not None


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
