"""Pieces of UTF-8."""

from __future__ import annotations

_LONGEST = 4  # bytes of a character
_CONTINUATION = 0x80


def whole_characters(data: bytes, *, is_last: bool) -> bytes:
    """Return a piece without the beginning of a character at its end, which belongs to the next piece.

    Args:
        data: The piece; bytes that are not UTF-8 stay.
        is_last: Whether no piece follows: then all of it is kept.
    """
    if is_last:
        return data
    for back in range(1, min(_LONGEST, len(data) + 1)):
        first = data[-back]
        if first & 0xC0 != _CONTINUATION:  # a character, or the beginning of one
            return data[:-back] if _length(first) > back else data
    return data


def _length(first: int) -> int:
    """How many bytes a character has that begins with this one."""
    for length, mask, lead in ((2, 0xE0, 0xC0), (3, 0xF0, 0xE0), (4, 0xF8, 0xF0)):
        if first & mask == lead:
            return length
    return 1
