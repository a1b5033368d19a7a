"""Between seconds since 1970 and naive local time.

The first is what is remembered and compared, the second what people and calendars think in. An hour that clocks show
twice exists twice in the first and once in the second.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

NEVER: Final = float("inf")


def local(epoch: float) -> datetime:
    """Return what a clock on the wall shows at a time."""
    return datetime.fromtimestamp(epoch)


def epoch(shown: datetime, after: float) -> float:
    """Return when a clock on the wall shows this.

    Args:
        shown: Naive local time. One that a change of clocks leaves out is taken for the moment of that change or later.
        after: Of two such times the first that is later than this is meant.
    """
    first = shown.replace(fold=0).timestamp()
    return first if first > after else shown.replace(fold=1).timestamp()


def earliest(shown: datetime) -> float:
    """Return when a clock on the wall shows this for the first time."""
    return shown.replace(fold=0).timestamp()


def text(epoch: float) -> str:
    """Return a time as the API writes it: naive, local, always with microseconds, so that texts sort like times."""
    return local(epoch).strftime("%Y-%m-%d %H:%M:%S.%f")
