"""Waiting for what must come, where nobody tells when it has."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")
_SECONDS: Final = 60.0  # nothing takes as long, on however slow a machine
_PAUSE: Final = 0.02


def until(condition: Callable[[], T | None], what: str = "it") -> T:
    """Look again and again until a condition holds.

    Args:
        condition: What is asked.
        what: What is waited for, as the failure names it.

    Returns:
        The condition's value, the first that counts as true.
    """
    end = time.monotonic() + _SECONDS
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not come so far"
        time.sleep(_PAUSE)
    return found
