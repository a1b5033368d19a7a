"""Which processes this one comes from: whether an instance was started to run it (`flux start opsgate flux`)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

_BROKER: Final = "flux-broker"
"""How the processes of all brokers begin to be called."""


def ancestors() -> dict[int, str]:
    """Return the processes that this one comes from and their names, the next one first."""
    found: dict[int, str] = {}
    process = os.getppid()
    with suppress(OSError, IndexError, ValueError):  # one that is not shown to us ends the row
        while process > 1:
            stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
            before, _, behind = stat.rpartition(")")
            found[process] = before.partition("(")[2]
            process = int(behind.split()[1])
    return found


def is_below_broker() -> bool:
    """Tell whether a broker of Flux is among them."""
    return any(name.startswith(_BROKER) for name in ancestors().values())
