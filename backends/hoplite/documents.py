"""What may be a config or a status: neither too large nor too deep for all who have to read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from opsgate.backends.errors import Invalid, TooLarge

DEEPEST: Final = 100
"""Levels of objects and arrays. Readers give up somewhere: JSON parsers, Python's stack, the plugin's own code."""


def check(what: str, value: object, most: int) -> None:
    """Refuse a document.

    Args:
        what: What it is, for the message.
        value: A JSON value.
        most: The most bytes it may have.

    Raises:
        TooLarge: It has more.
        Invalid: It is nested too deep.
    """
    if is_deep(value):
        raise Invalid(f"The {what} is nested deeper than {DEEPEST} levels")
    if len(json.dumps(value)) > most:
        raise TooLarge(f"The {what} is larger than {most} bytes")


def is_deep(value: object) -> bool:
    """Tell whether a JSON value has more than `DEEPEST` levels; without recursion, for it may have very many."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [container for container in level if isinstance(container, dict | list)]
        if not level:
            return False
        level = [item for container in level for item in _items(container)]
    return True


def _items(container: Any) -> Iterable[Any]:
    return container.values() if isinstance(container, dict) else container
