"""Whether a trigger expression holds, and what it refers to, judged from the copy of the definition."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import singledispatchmethod

from opsgate.backends.ecflow import generated, grammar
from opsgate.backends.ecflow.grammar import (
    Expression,
    FlagSet,
    Function,
    Instant,
    Joined,
    Negated,
    Not,
    Number,
    Reference,
    StateIs,
    Sum,
    Truth,
    Value,
    operands,
)
from opsgate.backends.ecflow.model import Definition, Event, Limit, Meter, Node, Queue, Repeat, Variable

_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
_JULIAN_OF_ORDINAL = 1721425
_DATE_KINDS = ("date", "datelist")
_STAMP = "%Y%m%dT%H%M%S"


class Place:
    """The node whose expression it is.

    Args:
        definition: What it refers to.
        lineage: From the suite down to the node.
    """

    def __init__(self, definition: Definition, lineage: Sequence[Node]) -> None:
        self._definition = definition
        self._lineage = list(lineage)

    def lineage(self, path: str) -> list[Node] | None:
        """Return the nodes down to the one that a path in an expression means, or None.

        A relative path begins beside the node; an empty one is the node itself.
        """
        if path in ("", "/"):
            return self._lineage if path == "" else []
        if path.startswith("/"):
            return self._definition.lineage("/".join(part for part in path.split("/") if part))
        found = self._lineage[:-1]
        for part in path.split("/"):
            if part == "..":
                if not found:
                    return None
                found = found[:-1]
            elif part not in ("", "."):
                below = (found[-1] if found else self._definition.root).child(part)
                if below is None:
                    return None
                found = [*found, below]
        return found

    def holds(self, expression: Expression) -> bool:
        """Return whether the expression holds; what does not exist is unknown or zero, as for the server."""
        if isinstance(expression, Joined):
            judge = all if expression.word == "and" else any
            return judge(self.holds(part) for part in expression.parts)
        if isinstance(expression, Not):
            return not self.holds(expression.part)
        if isinstance(expression, StateIs):
            return (self._state(expression.path) == expression.state) == expression.equal
        if isinstance(expression, Truth):
            # The server takes a sum that is compared with nothing for true, whatever it comes to.
            return isinstance(expression.value, Sum) or self.value(expression.value) != 0
        return _COMPARE[expression.than](self.value(expression.left), self.value(expression.right))

    def missing(self, expression: Expression) -> list[str]:
        """Return the references of an expression that lead nowhere."""
        return [text for text, found in self._references(expression) if not found]

    @singledispatchmethod
    def value(self, value: Value) -> int:
        """Return what a value is."""
        raise TypeError(f"{type(value).__name__} is no value")

    @value.register
    def _(self, value: Number) -> int:
        return value.value

    @value.register
    def _(self, value: Instant) -> int:
        return _seconds(value.text)

    @value.register
    def _(self, value: Negated) -> int:
        return int(self.value(value.value) == 0)

    @value.register
    def _(self, value: FlagSet) -> int:
        lineage = self.lineage(value.path)
        if lineage is None:
            return 0
        flags = lineage[-1].run.flags if lineage else self._definition.server.flags
        return int(value.flag in flags)

    @value.register
    def _(self, value: Function) -> int:
        number = self.value(value.argument)
        if value.name == "julian_to_date":
            return _number_of(_date_of_julian(number))
        day = _date_of(str(number)[:8])
        return day.toordinal() + _JULIAN_OF_ORDINAL if day else 0

    @value.register
    def _(self, value: Reference) -> int:
        return _integer(self._attribute(value))

    @value.register
    def _(self, value: Sum) -> int:
        left, right = self.value(value.left), self.value(value.right)
        if value.sign in "+-" and isinstance(value.left, Reference) and self._is_date(value.left):
            return _moved(left, right if value.sign == "+" else -right)
        if value.sign in "/%" and right == 0:
            return 0
        return {
            "+": lambda: left + right,
            "-": lambda: left - right,
            "*": lambda: left * right,
            "/": lambda: _quotient(left, right),
            "%": lambda: left - right * _quotient(left, right),
        }[value.sign]()

    def _state(self, path: str) -> str:
        lineage = self.lineage(path)
        return lineage[-1].run.state if lineage else "unknown"

    def _attribute(self, reference: Reference) -> str | None:
        """Return the value of an attribute as text, None where there is none."""
        if reference.path:
            lineage = self.lineage(reference.path)
            if lineage is None:
                return None
            return self._of_node(lineage, reference.name) if lineage else self._of_server(reference.name)
        for end in range(len(self._lineage), 0, -1):
            found = self._of_node(self._lineage[:end], reference.name)
            if found is not None:
                return found
        return self._of_server(reference.name)

    def _of_node(self, lineage: Sequence[Node], name: str) -> str | None:
        for attribute in lineage[-1].attributes:
            found = _value_of(attribute, name)
            if found is not None:
                return found
        for variable in self._generated(lineage):
            if variable.name == name:
                return variable.value
        return None

    def _generated(self, lineage: Sequence[Node]) -> list[Variable]:
        context = generated.context(self._definition.server)
        for node in lineage:
            context = context.below(node)
        return generated.variables(lineage[-1], "".join(f"/{node.name}" for node in lineage), context)

    def _of_server(self, name: str) -> str | None:
        server = self._definition.server
        found = [one.value for one in (*server.user_variables, *server.variables) if one.name == name]
        return found[0] if found else None

    def _is_date(self, reference: Reference) -> bool:
        lineages = [self.lineage(reference.path)]
        if not reference.path:
            lineages = [self._lineage[:end] for end in range(len(self._lineage), 0, -1)]
        repeats = [repeat for lineage in lineages if lineage for repeat in lineage[-1].of(Repeat)]
        return any(repeat.name == reference.name and repeat.kind in _DATE_KINDS for repeat in repeats)

    def _references(self, part: Expression | Value) -> Iterator[tuple[str, bool]]:
        if isinstance(part, (StateIs, FlagSet)):
            yield part.path, self.lineage(part.path) is not None
        elif isinstance(part, Reference):
            yield f"{part.path}:{part.name}", self._attribute(part) is not None
        for below in operands(part):
            yield from self._references(below)


def read(text: str) -> Expression | None:
    """Return what an expression means, or None when it cannot be read."""
    try:
        return grammar.parse(text)
    except grammar.ParseError:
        return None


def _value_of(attribute: object, name: str) -> str | None:
    if isinstance(attribute, Event):
        matches = name in (attribute.name, str(attribute.number))
        return str(int(attribute.value)) if matches else None
    if not isinstance(attribute, (Meter, Variable, Repeat, Limit, Queue)) or attribute.name != name:
        return None
    if isinstance(attribute, Repeat):
        return _of_repeat(attribute)
    if isinstance(attribute, Queue):
        return str(attribute.index)
    return str(attribute.value)


def _of_repeat(repeat: Repeat) -> str:
    """Return what a repeat counts as: names count by their place, in a list of numbers the numbers count."""
    if repeat.kind in ("enumerated", "string") and not repeat.last_value.lstrip("-").isdigit():
        return repeat.position
    return repeat.last_value


def _integer(text: str | None) -> int:
    """Return the number in a text, zero where there is none; moments count as seconds."""
    try:
        return int(text or "0")
    except ValueError:
        return _seconds(text or "")


def _seconds(text: str) -> int:
    try:
        return int((datetime.strptime(text, _STAMP) - datetime(1970, 1, 1)).total_seconds())
    except ValueError:
        return 0


def _moved(number: int, days: int) -> int:
    """Return the date that many days after the one that the number writes."""
    day = _date_of(str(number))
    try:
        return _number_of(day + timedelta(days=days)) if day else number + days
    except OverflowError:  # not by way of dates, then
        return number + days


def _date_of(digits: str) -> date | None:
    try:
        return datetime.strptime(digits, "%Y%m%d").date()
    except ValueError:
        return None


def _date_of_julian(number: int) -> date | None:
    try:
        return date.fromordinal(number - _JULIAN_OF_ORDINAL)
    except (ValueError, OverflowError):
        return None


def _number_of(day: date | None) -> int:
    return int(f"{day:%Y%m%d}") if day else 0


def _quotient(left: int, right: int) -> int:
    """Divide towards zero, as C++ does."""
    return int(left / right) if abs(left) < 1 << 52 else left // right
