"""Values of any kind as JSON that every reader takes: ASCII, no NaN, no lone surrogates; the unknown becomes text."""

from __future__ import annotations

import json
import math

_DEEPEST = 100


def to_json(value: object) -> str:
    """Return the JSON text of a value; never fails."""
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        text = json.dumps(plain(value))
    return _without_lone_surrogates(text) if "\\ud" in text else text


def plain(value: object, depth: int = 0) -> object:
    """Return a value made of nothing but what JSON has: numbers that it lacks become null, other things their text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _DEEPEST:
        return text_of(value)
    if isinstance(value, dict):
        return {text_of(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in value]
    return text_of(value)


def text_of(value: object) -> str:
    """Return `str(value)`, or what can be said instead where that fails: it is the job's code, and may raise."""
    for attempt in (str, repr):
        try:
            return attempt(value)
        except Exception:  # noqa: S112 - the next attempt, or the type's name
            continue
    return f"<{type(value).__name__}>"


def _without_lone_surrogates(text: str) -> str:
    clean = json.dumps(json.loads(text), ensure_ascii=False).encode("utf-8", "replace").decode()
    return json.dumps(json.loads(clean))
