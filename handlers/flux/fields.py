"""The members of a submission, one by one: texts of a query, values of a body; what is wrong is collected."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

_TRUTH: Final = {
    **dict.fromkeys(("true", "1", "on", "yes"), True),
    **dict.fromkeys(("false", "0", "off", "no"), False),
}
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,10}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][+-]?[0-9]{1,3})?")
_NAME: Final = re.compile(r"[^=\x00]+")
_MOST: Final = 2**31 - 1
_LONGEST_LITERAL: Final = 65_536
_SHOWN: Final = 60


def is_true(text: str) -> bool:
    """Whether a word of a query means yes; blank means no."""
    return _TRUTH.get(text.lower(), False)


class Fields:
    """What was sent, and what was found wrong with it.

    Args:
        members: The values by name. None and blank text are the same as not being there.

    Attributes:
        errors: What is wrong, a sentence each.
    """

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = {name: value for name, value in members.items() if not _is_blank(value)}
        self.errors: list[str] = []

    def wrong(self, name: str, why: str) -> None:
        """Note that something is wrong with a member."""
        self.errors.append(f"{name}: {why}")

    def value(self, name: str) -> Any:
        """A member as it came; None if it did not."""
        return self._members.get(name)

    def text(self, name: str) -> str | None:
        """A text without NUL."""
        value = self.value(name)
        if value is None:
            return None
        if not isinstance(value, str) or "\0" in value:
            self.wrong(name, "it holds a NUL" if isinstance(value, str) else f"{_shown(value)} is no text")
            return None
        return value

    def integer(self, name: str, default: int | None, least: int, most: int = _MOST) -> Any:
        """An integer within bounds; the default where there is none or it is wrong."""
        value = self.value(name)
        if value is None:
            return default
        number = int(value) if isinstance(value, str) and _INTEGER.fullmatch(value.strip()) else value
        if not isinstance(number, int) or isinstance(number, bool):
            self.wrong(name, f"{_shown(value)} is no integer")
            return default
        return self._within(name, number, default, least, most)

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """A number within bounds."""
        value = self.value(name)
        if value is None:
            return default
        number = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else value
        if not isinstance(number, int | float) or isinstance(number, bool) or not math.isfinite(number):
            self.wrong(name, f"{_shown(value)} is no number")
            return default
        return float(self._within(name, number, default, least, most))

    def truth(self, name: str) -> bool:
        """A truth value, a word or number for one; false where there is none."""
        value = self.value(name)
        if value is None or isinstance(value, bool):
            return bool(value)
        known = _TRUTH.get(str(value).strip().lower())
        if known is None:
            self.wrong(name, f"{_shown(value)} is none of true, false, 1, 0, on, off, yes, no")
        return bool(known)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object, or the text of one in JSON or Python; empty where there is none."""
        value = self.value(name)
        if value is None:
            return {}
        found = _literal(value) if isinstance(value, str) else value
        if not isinstance(found, dict):
            self.wrong(name, f"{_shown(value)} is no object")
            return {}
        return found

    def texts(self, name: str) -> dict[str, str]:
        """The same, of texts; numbers are written as such."""
        found = {}
        for key, value in self.mapping(name).items():
            if not isinstance(key, str) or not _NAME.fullmatch(key):
                self.wrong(name, f"{_shown(key)} is no name")
            elif isinstance(value, bool) or not isinstance(value, str | int | float) or "\0" in str(value):
                self.wrong(name, f"the value of {_shown(key)} is no text")
            else:
                found[key] = str(value)
        return found

    def _within(self, name: str, number: Any, default: Any, least: float, most: float) -> Any:
        if number < least:
            self.wrong(name, f"{number} is less than {least}")
        elif number > most:
            self.wrong(name, f"{number} is greater than {most}")
        else:
            return number
        return default


def _literal(text: str) -> Any:
    """A JSON object, else what Python's `str` writes for a dict, which the released client sends; None for neither."""
    if len(text) > _LONGEST_LITERAL:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return None


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
