"""Searching jobs by a pattern that a stranger wrote.

Patterns are tried in the event loop, so they must not be able to take long: Python's own `re` can be made to work for
years. The engine behind `jsonschema_rs` takes time in proportion to the text, whatever the pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import jsonschema_rs

_LARGEST: Final = 256 * 1024
"""Bytes that a compiled pattern may take."""
_PLAIN: Final = re.compile(r"[\w\s@%:,=_/-]*")


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what tells whether a text has a pattern somewhere, upper and lower case being the same.

    Args:
        pattern: A regular expression; where it is none, or too large a one, it is taken as plain text.
    """
    if not _PLAIN.fullmatch(pattern):
        options = jsonschema_rs.RegexOptions(size_limit=_LARGEST)
        try:
            found = jsonschema_rs.Draft202012Validator({"pattern": f"(?i){pattern}"}, pattern_options=options)
        except (jsonschema_rs.ValidationError, ValueError):
            pass
        else:
            return found.is_valid
    text = pattern.casefold()
    return lambda searched: text in searched.casefold()
