"""The numbers of jobs, and the texts that Flux writes for them.

F58 is Flux's short form: an f with hook and the number in base 58, `ƒ2VxX1` or, where only ASCII is at hand, `f2VxX1`.
"""

from __future__ import annotations

import re
from typing import Final

from opsgate.backends.errors import Conflict, Invalid, NotFound

_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_VALUES: Final = {letter: value for value, letter in enumerate(_ALPHABET)}
_PREFIX: Final = "\N{LATIN SMALL LETTER F WITH HOOK}"
_DECIMAL: Final = re.compile(r"[0-9]{1,20}")
_HEX: Final = re.compile(r"0[xX][0-9a-fA-F]{1,16}")
_DOTTED: Final = re.compile(r"[0-9a-fA-F]{1,4}(\.[0-9a-fA-F]{1,4}){3}")
_F58: Final = re.compile(rf"[f{_PREFIX}]([{_ALPHABET}]{{1,12}})")
LARGEST: Final = 2**64 - 1


def parse(text: str) -> int:
    """Return the number of a job, written in decimal, F58, hexadecimal with 0x, or dotted hexadecimal.

    Raises:
        Invalid: It is none of these, or too large for a job id.
    """
    number = _number(text)
    if number is None or number > LARGEST:
        raise Invalid(f"{_shown(text)!r} is not a job id: write it in decimal, F58 or hexadecimal")
    return number


def f58(number: int) -> str:
    """Return the F58 text of a number."""
    letters = ""
    while number:
        number, value = divmod(number, len(_ALPHABET))
        letters = _ALPHABET[value] + letters
    return _PREFIX + (letters or _ALPHABET[0])


def unknown(number: int) -> NotFound:
    """Return what to raise about a number that is no job's."""
    return NotFound(f"Job {number} does not exist: unknown job id")


def not_cancelled_unknown() -> NotFound:
    """Return what to raise about cancelling a number that is no job's."""
    return NotFound("Job cannot be cancelled: unknown job id.")


def not_cancelled_inactive() -> Conflict:
    """Return what to raise about cancelling a job that is over."""
    return Conflict("Job cannot be cancelled: job is inactive.")


def _number(text: str) -> int | None:
    if _DECIMAL.fullmatch(text):
        return int(text)
    if _HEX.fullmatch(text):
        return int(text, 16)
    if _DOTTED.fullmatch(text):
        return int("".join(f"{part:0>4}" for part in text.split(".")), 16)
    if found := _F58.fullmatch(text):
        return _from_58(found[1])
    return None


def _from_58(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * len(_ALPHABET) + _VALUES[letter]
    return number


def _shown(text: str) -> str:
    return text if len(text) <= 64 else text[:61] + "..."  # noqa: PLR2004 - some length that fits into a sentence
