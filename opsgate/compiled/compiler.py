"""Compiles Connexion's operation objects; what it cannot compile perfectly is left to Connexion."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Collection, Mapping
from typing import Any, Final

from connexion.decorators.parameter import sanitized, unwrap_decorators
from connexion.middleware.security import SecurityOperation
from connexion.operations import AbstractOperation
from connexion.resolver import Resolver
from connexion.security import SecurityHandlerFactory
from connexion.spec import Specification
from connexion.utils import inspect_function_arguments, is_json_mimetype, is_nullable

from opsgate.compiled.answers import Answers
from opsgate.compiled.arguments import Reader
from opsgate.compiled.body import Body
from opsgate.compiled.checking import Checker
from opsgate.compiled.operation import Operation, Verify
from opsgate.compiled.parameters import Definition, argument_name, compile_parameter, unsupported
from opsgate.compiled.schema import Schemas
from opsgate.compiled.templates import parameter_names
from opsgate.spec import SpecError

_CONTENT = "application/json"


class CompileError(SpecError):
    """An operation that cannot be right, whoever answers it."""


_CALLERS: Final = frozenset({"user", "token_info", "context_"})
"""Arguments by which a handler is told who is there."""


class Compiler:
    """Compiles the operations of one API."""

    def __init__(
        self,
        specification: Specification,
        resolver: Resolver,
        *,
        security_map: Mapping[str, Any] | None,
        validate_responses: bool,
        ascii_only: bool = False,
    ) -> None:
        """Take what Connexion's ``add_api`` hands to every middleware."""
        self._specification = specification
        self._resolver = resolver
        self._schemas = Schemas(specification.raw)
        self._answer_schemas = Schemas(specification.raw, answers=True) if validate_responses else None
        self._security = SecurityHandlerFactory(security_map)
        self._ascii_only = ascii_only

    def source(self, path: str, method: str) -> AbstractOperation:
        """Connexion's own operation object."""
        return self._specification.operation_cls.from_spec(
            self._specification, path=path, method=method, resolver=self._resolver
        )

    def compile(self, source: AbstractOperation) -> Operation:
        """Compile an operation against which `obstacle` has nothing.

        Raises:
            CompileError: A schema that is none; two parameters that become the same argument.
        """
        try:
            return self._compile(source)
        except ValueError as exc:
            raise CompileError(f"{source.method.upper()} {source.path}: {exc}") from exc

    def _compile(self, source: AbstractOperation) -> Operation:
        names, takes_all = inspect_function_arguments(unwrap_decorators(source.function))
        taken = _Taken(names, takes_all=takes_all)
        operation = self._raw(source)
        compiled = [
            compile_parameter(definition, self._schemas, taken.parameter(definition))
            for definition in parameters(source)
        ]
        responses = {status: self._schemas.resolve(response) for status, response in operation["responses"].items()}
        return Operation(
            source=source,
            handler=source.function,
            verify=self._verify(source, taken),
            reader=Reader(compiled, parameter_names(source.path)),
            body=self._body(source, operation, taken),
            takes=taken.rest,
            answers=Answers(responses, ascii_only=self._ascii_only),
            checker=Checker(responses, self._answer_schemas) if self._answer_schemas is not None else None,
        )

    def _raw(self, source: AbstractOperation) -> Mapping[str, Any]:
        """The operation with its references: Connexion's object resolves them, recursive ones without end."""
        operation: Mapping[str, Any] = self._schemas.resolve(self._specification.raw["paths"][source.path])[
            source.method
        ]
        return operation

    def _verify(self, source: AbstractOperation, taken: _Taken) -> Verify | None:
        """None where nobody needs credentials and the handler does not ask who is there."""
        if not source.security or ({} in source.security and not taken.wants_caller):
            return None
        verify: Verify = SecurityOperation.from_operation(
            source, next_app=None, security_handler_factory=self._security
        ).verification_fn
        return verify

    def _body(self, source: AbstractOperation, operation: Mapping[str, Any], taken: _Taken) -> Body | None:
        if not source.is_request_body_defined:
            return None
        body = self._schemas.resolve(operation["requestBody"])
        schema = next(media for name, media in body["content"].items() if is_json_mimetype(name)).get("schema")
        resolved = self._schemas.resolve(schema or {})
        nullable = is_nullable(resolved)
        return Body(
            argument=taken.body(sanitized(source.body_name(_CONTENT))),
            media=frozenset(name.lower().encode() for name in body["content"] if is_json_mimetype(name)),
            required=bool(body.get("required")),
            nullable=nullable,
            default=None if nullable else copy.deepcopy(resolved.get("default", {})),
            validator=self._schemas.validator(schema) if schema else None,
        )


class _Taken:
    """Which arguments of a handler the spec fills.

    Attributes:
        rest: Those it does not fill; ``None`` when the handler takes any name.
        wants_caller: Whether the handler may ask who is there.
    """

    def __init__(self, names: Collection[str], *, takes_all: bool) -> None:
        self._names = names
        self._takes_all = takes_all
        self._used: set[str] = set()

    @property
    def wants_caller(self) -> bool:
        return self._takes_all or not _CALLERS.isdisjoint(self._names)

    @property
    def rest(self) -> Collection[str] | None:
        return None if self._takes_all else frozenset(self._names) - self._used

    def parameter(self, definition: Definition) -> str | None:
        """The argument for a parameter: always for the path, by name only for headers, which Connexion drops."""
        argument, place = argument_name(definition), definition["in"]
        if argument in self._names or place == "path" or (place == "query" and self._takes_all):
            if argument in self._used:
                raise ValueError(f"two parameters become the argument {argument!r}")
            self._used.add(argument)
            return argument
        return None

    def body(self, argument: str) -> str | None:
        """The argument for the body."""
        if argument in self._names or self._takes_all:
            self._used.add(argument)
            return argument
        return None


def parameters(source: AbstractOperation) -> list[Definition]:
    """The parameters of an operation, its own before those of its path; Connexion's list may hold the latter twice."""
    return list({(item["in"], item["name"]): item for item in reversed(source.parameters)}.values())[::-1]


def obstacle(source: AbstractOperation) -> str | None:
    """Why an operation is left to Connexion, or ``None``."""
    if source.method == "trace":
        return "TRACE"
    if not asyncio.iscoroutinefunction(source.function):
        return "the handler is not async"
    for definition in parameters(source):
        if reason := unsupported(definition):
            return f"{definition['name']!r} is {reason}"
    declared = {definition["name"] for definition in parameters(source) if definition["in"] == "path"}
    if declared != set(parameter_names(source.path)):
        return "the parameters of the path are not those of its template"
    media = list(source.consumes)
    if source.is_request_body_defined and not (media and is_json_mimetype(media[0])):
        return f"a body that is not JSON: {', '.join(media)}"
    return None
