"""Conditions with operators: `~` binds closest, then `&`, then `|`; parentheses.

These five characters cannot be part of a single condition, not even of a task's name in it.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from opsgate.backends.errors import Invalid
from opsgate.backends.redengine.conditions import grammar
from opsgate.backends.redengine.conditions.terms import All, AnyOf, Not, Term

LONGEST: Final = 2000
"""Characters of a condition."""
_DEEPEST: Final = 50
_TOKEN: Final = re.compile(r"[~&|()]|[^~&|()]+")


class NoCondition(Invalid):
    """A text that is no condition."""


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Term:
    """Return the term that a text stands for.

    Raises:
        NoCondition: It stands for none; `details["forms"]` shows what does.
    """
    try:
        return _Reader(text).read()
    except ValueError as error:
        raise NoCondition(f"{text[:200]!r} is no condition: {error}", details={"forms": list(grammar.FORMS)}) from error


class _Reader:
    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ValueError(f"it has {len(text)} characters, at most {LONGEST} are read")
        self._tokens: list[str] = [token.strip() for token in _TOKEN.findall(text) if token.strip()]
        self._at = 0
        self._depth = 0

    def read(self) -> Term:
        term = self._either()
        if self._at < len(self._tokens):
            raise ValueError(f"there is an operator missing before {self._tokens[self._at]!r}")
        return term

    def _either(self) -> Term:
        found = [self._both()]
        while self._take("|"):
            found.append(self._both())
        return found[0] if len(found) == 1 else AnyOf(_flat(AnyOf, found))

    def _both(self) -> Term:
        found = [self._one()]
        while self._take("&"):
            found.append(self._one())
        return found[0] if len(found) == 1 else All(_flat(All, found))

    def _one(self) -> Term:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        term = self._negated()
        self._depth -= 1
        return term

    def _negated(self) -> Term:
        if self._take("~"):
            term = self._one()
            return term.part if isinstance(term, Not) else Not(term)
        if self._take("("):
            term = self._either()
            if not self._take(")"):
                raise ValueError("a parenthesis is not closed")
            return term
        return grammar.parse(self._next())

    def _next(self) -> str:
        if self._at == len(self._tokens):
            raise ValueError("it ends where a condition should be" if self._tokens else "it is empty")
        token = self._tokens[self._at]
        if token in tuple("&|)"):
            raise ValueError(f"there is a condition missing before {token!r}")
        self._at += 1
        return token

    def _take(self, operator: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == operator:
            self._at += 1
            return True
        return False


def _flat(kind: type[All | AnyOf], found: list[Term]) -> tuple[Term, ...]:
    return tuple(part for term in found for part in (term.parts() if isinstance(term, kind) else (term,)))
