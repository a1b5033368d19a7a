"""Connexion's validators, made safe: what a client sends is refused with a sentence, never with a traceback.

Stock Connexion answers 500 to a body that is not UTF-8, to integers of thousands of digits and to deep nesting,
accepts ``NaN``, and reports a parameter's failure without its name. See docs/decisions/0003.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator
from typing import Any

import jsonschema_rs
import orjson
from connexion.datastructures import MediaTypeDict
from connexion.exceptions import BadRequestProblem
from connexion.jsonifier import Jsonifier
from connexion.utils import is_null, is_nullable
from connexion.validators import FormDataValidator, JSONRequestBodyValidator, MultiPartFormDataValidator
from connexion.validators.parameter import ParameterValidator
from starlette.types import Receive, Scope

_validators: dict[int, tuple[dict[str, Any], jsonschema_rs.Validator]] = {}


def parameter_error(place: str, parameter: dict[str, Any], value: object) -> str | None:
    """Check one parameter's converted value.

    Args:
        place: ``path``, ``query``, ``header`` or ``cookie``.
        parameter: The parameter object of the spec.
        value: The value after conversion to the schema's type, ``None`` when it was not sent.

    Returns:
        What is wrong, naming parameter and value, or ``None``.
    """
    name = parameter["name"]
    if value is None:
        return missing_parameter(place, name) if parameter.get("required") else None
    if is_nullable(parameter) and is_null(value):
        return None
    error = next(_validator(parameter).iter_errors(value), None)
    return wrong_parameter(place, name, explain(error)) if error else None


def missing_parameter(place: str, name: str) -> str:
    """The sentence about a required parameter that was not sent."""
    return f"Missing {place} parameter {name!r}"


def wrong_parameter(place: str, name: str, explanation: str) -> str:
    """The sentence about a parameter whose value does not fit."""
    return f"{place} parameter {name!r}: {explanation}"


def explain(error: jsonschema_rs.ValidationError) -> str:
    """One sentence about what is wrong, and where: ``"x" is not of type "integer" - 'tasks.0.count'``.

    Where none of several schemas fits, it is about the one that fits best.
    """
    while branches := [branch for branch in getattr(error.kind, "context", ()) if branch]:
        error = min(branches, key=_distance)[0]
    where = ".".join(str(part) for part in error.instance_path)
    return first_line(error.message) + (f" - {where!r}" if where else "")


def misfit(validator: jsonschema_rs.Validator, value: object) -> str:
    """One sentence about what is wrong with a value that is not valid."""
    try:
        return explain(next(validator.iter_errors(value)))
    except ValueError:  # an error holds the value, which jsonschema-rs copies to a depth of 255 only
        return "What does not fit the schema is nested more than 255 levels deep"


def _distance(errors: list[jsonschema_rs.ValidationError]) -> tuple[bool, int]:
    """How far a value is from a schema: farthest if it has what that schema forbids."""
    return any(error.kind.name == "not" for error in errors), len(errors)


def first_line(message: str) -> str:
    """The first line of a validation message, shortened in its middle: what is left out is the client's own data."""
    line = message.partition("\n")[0]
    return line if len(line) <= 500 else f"{line[:300]}…{line[-200:]}"  # noqa: PLR2004 - enough to name any value


def parse_json(data: bytes) -> Any:
    """The value of a JSON body, ``None`` for a blank one.

    Raises:
        BadRequestProblem: It is not JSON in UTF-8, or nested deeper than 1024 levels.
    """
    if not data.strip():
        return None
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise BadRequestProblem(detail=f"The body is not valid JSON: {exc}") from exc


def _validator(parameter: dict[str, Any]) -> jsonschema_rs.Validator:
    """The compiled validator of a parameter's schema; parameter objects of a spec live as long as the process."""
    found = _validators.get(id(parameter))
    if found is None:
        found = parameter, jsonschema_rs.Draft4Validator(parameter["schema"], validate_formats=True)
        _validators[id(parameter)] = found
    return found[1]


class Parameters(ParameterValidator):
    """Names the parameter and the value in what it refuses."""

    @staticmethod
    def validate_parameter(
        parameter_type: str, value: object, param: dict[str, Any], param_name: str | None = None
    ) -> str | None:
        """See `parameter_error`."""
        del param_name
        return parameter_error(parameter_type, param, value)


class JSONBody(JSONRequestBodyValidator):
    """Parses strictly (UTF-8, no ``NaN``, bounded depth), and lets an optional body be left out."""

    async def _parse(self, stream: AsyncGenerator[bytes, None], scope: Scope) -> Any:  # noqa: ARG002 - Connexion's signature
        return parse_json(b"".join([part async for part in stream]))

    async def wrap_receive(self, receive: Receive, *, scope: Scope) -> tuple[Receive, Scope]:
        """Pass an absent optional body through; Connexion would refuse it."""
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not int(length) and not self._required:
            return receive, scope
        wrapped: tuple[Receive, Scope] = await super().wrap_receive(receive, scope=scope)
        return wrapped


class OrjsonJsonifier(Jsonifier):
    """Writes JSON by orjson: fast, and ``NaN`` becomes ``null`` instead of invalid JSON.

    Attributes:
        ascii: Whether the text is ASCII.
    """

    def __init__(self, *, ascii: bool = False) -> None:  # noqa: A002 - as elsewhere
        """Write UTF-8, or ASCII."""
        super().__init__()
        self.ascii = ascii

    def dumps(self, data: Any, **_: Any) -> str:
        """The JSON text of `data`."""
        return json_text(data, ascii_only=self.ascii).decode()


def json_text(data: object, *, ascii_only: bool) -> bytes:
    r"""The JSON text of `data`, in UTF-8 or with whatever is not ASCII as ``\uXXXX``; bytes are a JSON text already."""
    text = data if isinstance(data, bytes) else orjson.dumps(data)
    if not ascii_only or text.isascii():
        return text
    return text.decode().encode("ascii", _ESCAPE)


def _escape(error: UnicodeError) -> tuple[str, int]:
    r"""The rest as ``\uXXXX``, in pairs beyond the first plane. Outside its strings, JSON has nothing but ASCII."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs), error.end


_ESCAPE = "opsgate.json"
codecs.register_error(_ESCAPE, _escape)


VALIDATORS = {
    "parameter": Parameters,
    "body": MediaTypeDict(
        {
            "application/json": JSONBody,
            "application/x-www-form-urlencoded": FormDataValidator,
            "multipart/form-data": MultiPartFormDataValidator,
        }
    ),
}
