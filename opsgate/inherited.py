"""Listening sockets that were open before this process: of a gateway it is to replace, or held by systemd."""

from __future__ import annotations

import os
import sys
from typing import Any


def has_sockets() -> bool:
    """Whether gunicorn takes its sockets over instead of opening them; the addresses are in use then, by ourselves."""
    replaces = "GUNICORN_FD" in os.environ
    return replaces or (bool(os.environ.get("LISTEN_FDS")) and os.environ.get("LISTEN_PID") == str(os.getpid()))


def pre_exec(master: Any) -> None:
    """Gunicorn's hook before the process of SIGUSR2 begins anew: as a module again, whatever started this one.

    By its file, as gunicorn would start it, Python looks for all modules beside ours first, and finds ours for Flux's.
    """
    master.START_CTX["args"] = [sys.executable, "-P", "-m", "opsgate", *sys.argv[1:]]
