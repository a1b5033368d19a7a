"""SIGHUP below `flux start`: a broker means the end by it, gunicorn a reload, and the instance would wait."""

from __future__ import annotations

import os
import signal

from opsgate.backends.flux.broker.ancestry import is_below_broker


def when_ready(_master: object) -> None:
    """Gunicorn's hook in the master: below a broker SIGHUP becomes SIGTERM, a quiet end of the service."""
    if is_below_broker():
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))


def in_worker() -> None:
    """Have a worker, which gets the signal with its master, wait for what that says; its requests get their answers."""
    if is_below_broker():
        signal.signal(signal.SIGHUP, lambda *_: None)  # not ignored: that would be handed on to jobs
