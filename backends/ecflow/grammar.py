"""Reads trigger expressions.

Narrower than it must be nowhere that is known, and never wider: ecflow_server asserts, and dies, when it evaluates some
expressions that it took, such as `1 == 1 == 1`. What cannot be read here is not sent.

    or          and (or and)*                       `or` `||`, `and` `&&`
    and         part (and part)*
    part        [not] (comparison | "(" or ")")     `not` `!` `~`
    comparison  path is state                       `==` `!=` `eq` `ne`
                value is set|clear
                sum [than sum]                      also `<` `lt` `<=` `le` `>` `gt` `>=` `ge`; alone: not zero
    sum         value (sign value)*                 `+` `-` `*` `/` `%`, from left to right
    value       [not] number | path:name | :name | path<flag>word | cal::function(value) | "(" sum ")"

`and` binds more tightly than `or`, but a group is joined with all that follows it: `a and (b) or c` is
`a and ((b) or c)`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

STATES = ("complete", "aborted", "queued", "active", "submitted", "unknown")


class ParseError(Exception):
    """The text is no expression that may be sent."""


class Number(Struct, frozen=True):
    """A number."""

    value: int


class Instant(Struct, frozen=True):
    """A moment, as newer servers compare them: `20200101T000000`."""

    text: str


class Reference(Struct, frozen=True):
    """An attribute of a node; with an empty path, of this node or one above it."""

    path: str
    name: str


class FlagSet(Struct, frozen=True):
    """Whether a node has a flag."""

    path: str
    flag: str


class Function(Struct, frozen=True):
    """A function of dates."""

    name: str
    argument: Value


class Sum(Struct, frozen=True):
    """Two values joined by a sign."""

    sign: str
    left: Value
    right: Value


class Negated(Struct, frozen=True):
    """The opposite of a number: 1 for 0, else 0."""

    value: Value


Value = Number | Instant | Reference | FlagSet | Function | Sum | Negated


class StateIs(Struct, frozen=True):
    """Whether a node is, or is not, in a state."""

    path: str
    equal: bool
    state: str


class Compared(Struct, frozen=True):
    """Two values compared."""

    than: str
    left: Value
    right: Value


class Truth(Struct, frozen=True):
    """Whether a value is not zero."""

    value: Value


class Not(Struct, frozen=True):
    """The opposite."""

    part: Expression


class Joined(Struct, frozen=True):
    """Parts of which all, or any, must hold."""

    word: Literal["and", "or"]
    parts: tuple[Expression, ...]


Expression = StateIs | Compared | Truth | Not | Joined

_BLANK = re.compile(r"\s*")
_OR = re.compile(r"\s*(?:\|\||(?:or|OR)(?![\w.]))")
_AND = re.compile(r"\s*(?:&&|(?:and|AND)(?![\w.]))")
_NOT = re.compile(r"\s*(?:!(?!=)|~|(?:not|NOT)(?![\w./:]))")
_THAN = re.compile(r"\s*(==|!=|<=|>=|<(?!flag>)|>|(?:eq|ne|le|ge|lt|gt)(?![\w.]))")
_SIGN = re.compile(r"\s*([-+*/%])")
_OPEN = re.compile(r"\s*\(")
_CLOSE = re.compile(r"\s*\)")
_STATE = re.compile(r"\s*(" + "|".join(STATES) + r")(?![\w./:<])")
_SET = re.compile(r"\s*(set|clear)(?![\w./:<])")
_INSTANT = re.compile(r"\s*(\d{8}T\d{6})(?![\w./:<])")
_NUMBER = re.compile(r"\s*(\d+)(?![\w.:<])")
_FUNCTION = re.compile(r"\s*cal::(date_to_julian|julian_to_date)\s*\(")
_PATH = r"(?:/|(?:\.{1,2}/+)*)(?:\w[\w.]*(?:/+(?:\w[\w.]*|\.\.))*)"
_NODE = re.compile(rf"\s*({_PATH})(?![\w./:<])")
_REFERENCE = re.compile(rf"\s*({_PATH}|/)?:(\w[\w.]*)(?![\w.:<])")
_FLAG = re.compile(rf"\s*({_PATH}|/)<flag>(late|zombie|archived)(?![\w.:<])")
_SAME = {"eq": "==", "ne": "!=", "le": "<=", "ge": ">=", "lt": "<", "gt": ">"}
_LARGEST = 2**31 - 1
_DEEPEST = 50
"""Parentheses within each other: the server reads them by recursion."""
_DEEPEST_MEANING = 200
"""Operations within each other, also those without parentheses: what judges them goes down by recursion as well."""


def parse(text: str) -> Expression:
    """Return what an expression means.

    Raises:
        ParseError: It cannot be read; the text says where.
    """
    return _Reader(text).all()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def all(self) -> Expression:
        expression = self._joined()
        self._take(_BLANK)
        if self._at != len(self._text):
            raise self._error()
        if _is_deep(expression):
            raise ParseError(f"more than {_DEEPEST_MEANING} operations within each other")
        return expression

    def _joined(self) -> Expression:
        parts, words = [self._part()], []
        while word := self._word():
            words.append(word)
            parts.append(self._part())
        return _bound(parts, words)

    def _word(self) -> Literal["and", "or"] | None:
        if self._take(_AND):
            return "and"
        return "or" if self._take(_OR) else None

    def _part(self) -> tuple[Expression, bool]:
        """Return a part, and whether it is a group."""
        negated = self._take(_NOT)
        part, grouped = self._plain()
        return (Not(part) if negated else part), grouped

    def _plain(self) -> tuple[Expression, bool]:
        start, depth = self._at, self._depth
        try:
            return self._comparison(), False
        except ParseError:
            # A parenthesis may hold a sum that is compared, or a whole expression.
            self._at, self._depth = start, depth
            if not self._take(_OPEN):
                raise
        self._deeper()
        inner = self._joined()
        self._closed()
        return inner, True

    def _comparison(self) -> Expression:
        start = self._at
        if (node := self._take(_NODE)) and (than := self._take(_THAN)) and (state := self._take(_STATE)):
            word = _SAME.get(than[1], than[1])
            if word in ("==", "!="):
                return StateIs(node[1], word == "==", state[1])
        self._at = start
        left = self._sum()
        found = self._take(_THAN)
        if not found:
            return Truth(left)
        than_word = _SAME.get(found[1], found[1])
        if than_word in ("==", "!=") and isinstance(left, Reference) and (value := self._take(_SET)):
            return Compared(than_word, left, Number(int(value[1] == "set")))
        return Compared(than_word, left, self._sum())

    def _sum(self) -> Value:
        left = self._value()
        while sign := self._take(_SIGN):
            left = Sum(sign[1], left, self._value())
        return left

    def _value(self) -> Value:
        if self._take(_NOT):
            return Negated(self._one())
        return self._one()

    def _one(self) -> Value:
        if found := self._take(_INSTANT):
            return Instant(found[1])
        if found := self._take(_NUMBER):
            return self._number(found[1])
        if found := self._take(_FUNCTION):
            return self._function(found[1])
        if found := self._take(_REFERENCE):
            return Reference(found[1] or "", found[2])
        if found := self._take(_FLAG):
            return FlagSet(found[1], found[2])
        if self._take(_OPEN):
            self._deeper()
            inner = self._sum()
            self._closed()
            return inner
        raise self._error()

    def _number(self, digits: str) -> Number:
        if int(digits) > _LARGEST:
            raise ParseError(f"{digits} is too large for ecflow_server")
        return Number(int(digits))

    def _function(self, name: str) -> Function:
        self._deeper()
        argument = self._sum()
        self._closed()
        return Function(name, argument)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ParseError(f"more than {_DEEPEST} parentheses within each other")

    def _closed(self) -> None:
        self._depth -= 1
        if not self._take(_CLOSE):
            raise self._error()

    def _error(self) -> ParseError:
        rest = self._text[self._at :].strip()
        return ParseError(f"cannot be read at {rest[:40]!r}" if rest else "ends too early")


def operands(part: Expression | Value) -> Sequence[Expression | Value]:
    """Return the expressions and values that an expression or value is made of."""
    if isinstance(part, Joined):
        return part.parts
    if isinstance(part, Not):
        return (part.part,)
    if isinstance(part, (Truth, Negated)):
        return (part.value,)
    if isinstance(part, (Compared, Sum)):
        return (part.left, part.right)
    return (part.argument,) if isinstance(part, Function) else ()


def _is_deep(expression: Expression) -> bool:
    level: list[Expression | Value] = [expression]
    depth = 0
    while level and depth <= _DEEPEST_MEANING:
        level = [below for part in level for below in operands(part)]
        depth += 1
    return bool(level)


def _bound(parts: list[tuple[Expression, bool]], words: list[Literal["and", "or"]]) -> Expression:
    """Join parts, from right to left because a group takes all that follows it."""
    terms: list[Expression] = []
    between: list[Literal["and", "or"]] = []
    for index in range(len(parts) - 1, -1, -1):
        part, grouped = parts[index]
        if grouped and terms:
            terms, between = [_join(words[index], [part, _by_precedence(terms, between)])], []
        else:
            between = [words[index], *between] if terms else []
            terms = [part, *terms]
    return _by_precedence(terms, between)


def _by_precedence(terms: list[Expression], between: list[Literal["and", "or"]]) -> Expression:
    groups = [[terms[0]]]
    for word, term in zip(between, terms[1:], strict=True):
        if word == "or":
            groups.append([term])
        else:
            groups[-1].append(term)
    return _join("or", [_join("and", group) for group in groups])


def _join(word: Literal["and", "or"], parts: list[Expression]) -> Expression:
    """Join parts; one that is joined by the same word is taken apart, for long chains nest deeply otherwise."""
    if len(parts) == 1:
        return parts[0]
    flat: list[Expression] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, Joined) and part.word == word else [part])
    return Joined(word, tuple(flat))
