"""Binds each operation of a spec to its handler, and the handler to its port.

An operationId is ``function`` or ``module.function``: the handler lies in ``opsgate.handlers.<api>`` or in the
named module of that package, and its port is the API's backend or the backend's attribute of the module's name
(``supervisor.get_state`` -> ``handlers/supvisors/supervisor.py``, ``backend.supervisor``). Everything is checked
when the app is assembled, so that a misspelt name stops the start instead of answering 500 later.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from connexion.operations import AbstractOperation
from connexion.resolver import Resolution, Resolver

from opsgate import spec

Handler = Callable[..., Awaitable[Any]]

_CALLER = frozenset({"user", "token_info"})
"""What Connexion tells of a caller, where the operation asks for credentials."""


class BindingError(Exception):
    """A spec and its handlers do not fit together."""


class HandlerResolver(Resolver):
    """Gives Connexion the handler of an operation with its port bound as the first argument."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        """Take the handlers by operationId, as `bind` returns them."""
        super().__init__()
        self._handlers = handlers

    def resolve(self, operation: AbstractOperation) -> Resolution:
        """The function that answers `operation`."""
        return Resolution(self._handlers[operation.operation_id], operation.operation_id)


def bind(  # noqa: PLR0913 - an API's own ways, each by its name
    api: str,
    document: spec.Document,
    backend: object,
    *,
    present: Callable[[Handler], Handler] | None = None,
    consumed: Collection[str] = (),
    whole_query: str = "",
) -> dict[str, Handler]:
    """Find the handler of every operation, check its signature and bind its port.

    Args:
        api: The join key, e.g. ``supvisors``.
        document: The API's document as `opsgate.spec.load` returns it.
        backend: What the API's handlers get: the port itself, or an object with one port per handler module.
        present: Put around each handler, where the API's answers need it.
        consumed: Query parameters that are dealt with before or behind the handlers, which do not take them.
        whole_query: The argument in which `present` gives a handler all of its query: one that has it need not take
            each parameter.

    Returns:
        The bound handlers by operationId.

    Raises:
        BindingError: An operationId that is missing, double or has no handler; a handler that is not ``async`` or
            whose arguments are not the operation's parameters.
    """
    bound: dict[str, Handler] = {}
    for path, method, operation in spec.operations(document):
        where = f"{api}: {method.upper()} {path}"
        name = operation.get("operationId")
        if not name:
            raise BindingError(f"{where} has no operationId")
        if name in bound:
            raise BindingError(f"{where}: operationId {name!r} is used twice")
        handler = _find(api, name, where)
        given = [item for item in spec.parameters(document, path, operation) if item["name"] not in consumed]
        _check(handler, given, operation, where, whole_query)
        ready = functools.partial(handler, _port(backend, name, where))
        bound[name] = present(ready) if present else ready
    return bound


def _find(api: str, operation_id: str, where: str) -> Handler:
    module, _, function = operation_id.rpartition(".")
    name = f"opsgate.handlers.{api}" + (f".{module}" if module else "")
    try:
        handler: Handler = getattr(importlib.import_module(name), function)
    except (ImportError, AttributeError) as exc:
        raise BindingError(f"{where}: no handler {name}.{function} ({exc})") from exc
    if not inspect.iscoroutinefunction(handler):
        raise BindingError(f"{where}: {name}.{function} is not an async function")
    return handler


def _port(backend: object, operation_id: str, where: str) -> object:
    module = operation_id.rpartition(".")[0]
    try:
        return getattr(backend, module) if module else backend
    except AttributeError as exc:
        raise BindingError(f"{where}: the backend has no port {module!r}") from exc


def _check(
    handler: Handler, parameters: list[spec.Document], operation: spec.Document, where: str, whole_query: str
) -> None:
    port, *arguments = inspect.signature(handler).parameters.values()
    if port.kind is not port.POSITIONAL_ONLY:
        raise BindingError(f"{where}: the handler's first argument, its port, must be positional-only")
    if any(argument.kind is argument.VAR_KEYWORD for argument in arguments):
        return
    offered = {p["name"]: p for p in parameters if p["in"] in ("path", "query")}
    expected = set(offered) | ({"body"} if "requestBody" in operation else set())
    callers = _CALLER if operation.get("security") else frozenset()
    headers = {p["name"].lower().replace("-", "_") for p in parameters if p["in"] == "header"}
    names = {argument.name for argument in arguments}
    if whole_query in names:
        names.remove(whole_query)
        expected -= {p["name"] for p in parameters if p["in"] == "query"} - names
    if names - headers - callers != expected:
        raise BindingError(f"{where}: the handler takes {sorted(names)}, the operation gives {sorted(expected)}")
    for argument in arguments:
        _check_default(argument, offered.get(argument.name), where)


def _check_default(argument: inspect.Parameter, parameter: spec.Document | None, where: str) -> None:
    """An optional parameter without a default in the spec must have one in the handler; both must agree."""
    if parameter is None or parameter.get("required"):
        return
    stated = parameter["schema"].get("default", inspect.Parameter.empty)
    if stated is inspect.Parameter.empty and argument.default is inspect.Parameter.empty:
        raise BindingError(f"{where}: {argument.name} is optional, but its handler's argument has no default")
    if inspect.Parameter.empty not in (stated, argument.default) and stated != argument.default:
        raise BindingError(f"{where}: the default of {argument.name} is {stated!r} in the spec")
