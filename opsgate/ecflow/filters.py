"""``filter=a.b[0]``: a part of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_INDEX: Final = re.compile(r"\[(-?[0-9]+)\]$")


def select(value: Any, wanted: str) -> Any:
    """The part of a JSON value that a filter names; ``None`` for what is not there, all of it for an empty filter.

    Names of nodes may hold dots: of the keys that fit, the longest is tried first.
    """
    return next(_found(value, wanted.split(".")), None) if wanted else value


def _found(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    for count in range(len(steps), 0, -1):
        key = ".".join(steps[:count])
        for inner in _inner(value, key):
            yield from _found(inner, steps[count:])


def _inner(value: Any, key: str) -> Iterator[Any]:
    """What a step leads to: a member, an element of a member, or an element of the value itself."""
    if isinstance(value, dict) and key in value:
        yield value[key]
    match = _INDEX.search(key)
    if match is None:
        return
    name, index = key[: match.start()], int(match[1])
    held = value if not name else value.get(name) if isinstance(value, dict) else None
    if isinstance(held, list) and 0 <= index < len(held):
        yield held[index]
