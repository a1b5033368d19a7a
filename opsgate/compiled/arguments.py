"""All parameters of an operation, read from a request into the handler's arguments."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.types import Scope

from opsgate.compiled.parameters import NO_DEFAULT, Parameter, parse_query
from opsgate.compiled.templates import Values

Arguments = dict[str, Any]


class Reader:
    """Reads the parameters of one operation."""

    def __init__(self, parameters: Iterable[Parameter], path_names: Sequence[str]) -> None:
        """Prepare for `parameters`; `path_names` are those of the path template, in its order."""
        places: dict[str, list[Parameter]] = {"path": [], "query": [], "header": []}
        for parameter in parameters:
            places[parameter.place].append(parameter)
        self._path = [(path_names.index(parameter.name), parameter) for parameter in places["path"]]
        self._query = places["query"]
        self._headers = {parameter.name.lower().encode("latin-1"): parameter for parameter in places["header"]}
        self._is_query_required = any(parameter.required for parameter in self._query)
        self._defaults = {
            parameter.argument: parameter.default
            for parameter in [*self._query, *places["header"]]
            if parameter.argument is not None and parameter.default is not NO_DEFAULT
        }
        self._is_shared = not any(isinstance(value, (list, dict)) for value in self._defaults.values())

    def read(self, scope: Scope, values: Values) -> Arguments:
        """The handler's arguments, defaults filled in.

        Args:
            scope: The request.
            values: The texts of the path's parameters.

        Raises:
            BadRequestProblem: A parameter is missing or wrong; in the order query, path, header, as Connexion checks.
        """
        arguments: Arguments = self._defaults.copy() if self._is_shared else copy.deepcopy(self._defaults)
        if self._query and ((query := scope["query_string"]) or self._is_query_required):
            self._read_query(query, arguments)
        for at, parameter in self._path:
            arguments[parameter.argument or ""] = parameter.value(values[at])
        if self._headers:
            self._read_headers(scope, arguments)
        return arguments

    def _read_query(self, query: bytes, arguments: Arguments) -> None:
        pairs = parse_query(query)
        sent = dict(pairs)  # of a name given twice the last one counts
        for parameter in self._query:
            text = sent.get(parameter.name)
            if text is not None and parameter.explode:
                text = parameter.joined(pairs)
            _take(parameter, text, arguments)

    def _read_headers(self, scope: Scope, arguments: Arguments) -> None:
        sent: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in self._headers:
                sent.setdefault(name, value)
        for name, parameter in self._headers.items():
            _take(parameter, sent[name].decode("latin-1") if name in sent else None, arguments)


def _take(parameter: Parameter, text: str | None, arguments: Arguments) -> None:
    if text is None:
        if parameter.required:
            raise parameter.missing()
        return
    value = parameter.value(text)
    if parameter.argument is not None:
        arguments[parameter.argument] = value
