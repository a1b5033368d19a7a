"""Parameters: from the text of a request to the arguments of a handler.

Text is converted strictly, as the JSON of a body would be: no ``1_0``, no blanks, no ``nan``, no numbers that a double
or 64 bits cannot hold. What cannot be converted stays text, for the validator to refuse in its own words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote_plus

from connexion.decorators.parameter import sanitized
from connexion.exceptions import BadRequestProblem
from connexion.utils import is_null, is_nullable
from jsonschema_rs import Validator

from opsgate.compiled.schema import Schemas
from opsgate.validation import explain, missing_parameter, wrong_parameter

Definition = Mapping[str, Any]
"""A parameter object of the spec, its references resolved."""

Convert = Callable[[str], object]
Pairs = list[tuple[str, str]]

INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
NO_DEFAULT: Final = object()
_INT64: Final = 1 << 63
_SHORT: Final = 19
_BOOLEANS: Final = {"true": True, "false": False, "1": True, "0": False}
_DELIMITERS: Final = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
_STYLES: Final = {"path": ("simple",), "header": ("simple",), "query": ("form", "spaceDelimited", "pipeDelimited")}


def integer(text: str) -> object:
    """The integer, if `text` is one of 64 bits."""
    if len(text) < _SHORT and text.isascii() and text.isdigit():  # nearly always: a third of the time
        return int(text)
    if INTEGER.fullmatch(text) and -_INT64 <= (value := int(text)) < _INT64:
        return value
    return text


def number(text: str) -> object:
    """The float, if `text` is a finite decimal number."""
    if NUMBER.fullmatch(text) and math.isfinite(value := float(text)):
        return value
    return text


def boolean(text: str) -> object:
    """The truth value, if `text` is ``true`` or ``false`` in any case, ``1`` or ``0``."""
    return _BOOLEANS.get(text.lower(), text)


_CONVERTERS: Final[Mapping[str, Convert]] = {"integer": integer, "number": number, "boolean": boolean}


def parse_query(query: bytes) -> Pairs:
    """Names and values in the order given, blank ones included: `urllib.parse.parse_qsl`, at a third of its cost."""
    pairs = []
    for item in query.decode("latin-1").split("&"):
        if item:
            name, _, value = item.partition("=")
            pairs.append((_unquoted(name), _unquoted(value)))
    return pairs


def _unquoted(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


def unsupported(definition: Definition) -> str | None:
    """Why a parameter is left to Connexion, or ``None``."""
    place = definition["in"]
    if place not in _STYLES:
        return f"a {place} parameter"
    if "schema" not in definition:
        return "a parameter with media types"
    if definition["schema"].get("type") == "object":
        return "an object as a parameter"
    if definition.get("style", _STYLES[place][0]) not in _STYLES[place]:
        return f"style {definition['style']}"
    return None


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter, compiled.

    Attributes:
        name: Its name in the spec.
        place: ``path``, ``query`` or ``header``.
        argument: The handler's argument; ``None`` where the handler takes none, and the value is only checked.
        required: Whether it must be sent.
        explode: Whether it is an array of which each element may be sent under the name again.
        delimiter: What separates the elements of an array.
        default: What the spec says an absent one means, or `NO_DEFAULT`.
        convert: From text to value; ``None`` for text.
        validator: The compiled schema.
    """

    name: str
    place: str
    argument: str | None
    required: bool
    explode: bool
    delimiter: str
    default: Any
    convert: Convert | None
    validator: Validator

    def value(self, text: str) -> object:
        """The checked value.

        Raises:
            BadRequestProblem: Naming the parameter and the value.
        """
        value = text if self.convert is None else self.convert(text)
        if self.validator.is_valid(value):
            return value
        raise BadRequestProblem(
            wrong_parameter(self.place, self.name, explain(next(self.validator.iter_errors(value))))
        )

    def missing(self) -> BadRequestProblem:
        """What to raise when it is required and was not sent."""
        return BadRequestProblem(missing_parameter(self.place, self.name))

    def joined(self, pairs: Pairs) -> str:
        """All that was sent for an exploded array, as one text."""
        return self.delimiter.join(value for name, value in pairs if name == self.name)


def compile_parameter(definition: Definition, schemas: Schemas, argument: str | None) -> Parameter:
    """Compile one parameter object.

    Args:
        definition: The parameter object; `unsupported` has nothing against it.
        schemas: Compiles its schema.
        argument: The handler's argument for it, if any.

    Raises:
        ValueError: Its schema cannot be compiled.
    """
    place, schema = definition["in"], definition["schema"]
    style = definition.get("style", _STYLES[place][0])
    is_array = schema.get("type") == "array"
    return Parameter(
        name=definition["name"],
        place=place,
        argument=argument,
        required=bool(definition.get("required")),
        explode=is_array and place == "query" and definition.get("explode", style == "form"),
        delimiter=_DELIMITERS[style],
        default=_default(definition),
        convert=_converter(definition, _DELIMITERS[style]),
        validator=schemas.validator(schema),
    )


def argument_name(definition: Definition) -> str:
    """The handler's argument for a parameter: as Connexion names it; for a header, which it drops, ``x_my_header``."""
    name: str = definition["name"]
    if definition["in"] == "header":
        name = name.lower()
    if definition["in"] != "query":
        name = name.replace("-", "_")
    return str(sanitized(name))


def _default(definition: Definition) -> Any:
    """The default, of the type that a value sent would have; Connexion has none for path parameters."""
    schema = definition["schema"]
    value = definition.get("default", schema.get("default", NO_DEFAULT))
    if definition["in"] == "path" or value is NO_DEFAULT:
        return NO_DEFAULT
    return float(value) if schema.get("type") == "number" and value is not None else value


def _converter(definition: Definition, delimiter: str) -> Convert | None:
    schema = definition["schema"]
    if schema.get("type") == "array":
        convert: Convert | None = _array(_CONVERTERS.get(schema.get("items", {}).get("type", "")), delimiter)
    else:
        convert = _CONVERTERS.get(schema.get("type", ""))
    return _nullable(convert) if is_nullable(definition) else convert


def _array(convert: Convert | None, delimiter: str) -> Convert:
    def split(text: str) -> object:
        parts = text.split(delimiter)
        return parts if convert is None else [convert(part) for part in parts]

    return split


def _nullable(convert: Convert | None) -> Convert:
    """Like Connexion: the words ``null`` and ``None`` mean null."""

    def converted(text: str) -> object:
        if is_null(text):
            return None
        return text if convert is None else convert(text)

    return converted
