"""Each handler asks the port of its root under its own name, with its own arguments, and returns the answer."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from opsgate import spec
from opsgate.backends.supvisors.port import SupervisorPort, SupvisorsPort, SystemPort

pytestmark = pytest.mark.anyio

API = "supvisors"
PORTS: dict[str, type] = {"system": SystemPort, "supervisor": SupervisorPort, "supvisors": SupvisorsPort}
DOCUMENT = spec.load(API)
OPERATIONS = {operation["operationId"]: (path, operation) for path, _, operation in spec.operations(DOCUMENT)}


class Recorder:
    """A port that notes what it is asked, by the names of its protocol's parameters, and answers with itself."""

    def __init__(self, protocol: type) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []
        self._protocol = protocol

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Recorder]]:
        signature = inspect.signature(getattr(self._protocol, name))

        async def method(*args: object, **kwargs: object) -> Recorder:
            arguments = dict(signature.bind(self, *args, **kwargs).arguments)
            del arguments["self"]
            self.asked.append((name, arguments))
            return self

        return method


def handler_of(operation_id: str) -> Callable[..., Awaitable[object]]:
    module, function = operation_id.split(".")
    handler: Callable[..., Awaitable[object]] = getattr(
        importlib.import_module(f"opsgate.handlers.{API}.{module}"), function
    )
    return handler


def parameters_of(operation_id: str) -> dict[str, Any]:
    path, operation = OPERATIONS[operation_id]
    return {parameter["name"]: parameter for parameter in spec.parameters(DOCUMENT, path, operation)}


@pytest.mark.parametrize("operation_id", OPERATIONS)
class TestHandler:
    async def test_asks_its_port(self, operation_id: str) -> None:
        module, function = operation_id.split(".")
        port = Recorder(PORTS[module])
        arguments = {name: parameter["example"] for name, parameter in parameters_of(operation_id).items()}
        assert await handler_of(operation_id)(port, **arguments) is port
        assert port.asked == [(function, arguments)]

    async def test_takes_what_the_operation_gives(self, operation_id: str) -> None:
        port, *arguments = inspect.signature(handler_of(operation_id)).parameters.values()
        assert (port.name, port.kind) == (operation_id.partition(".")[0], inspect.Parameter.POSITIONAL_ONLY)
        given = {
            name: p["schema"].get("default", inspect.Parameter.empty) for name, p in parameters_of(operation_id).items()
        }
        assert {argument.name: argument.default for argument in arguments} == given

    async def test_has_the_types_of_its_port(self, operation_id: str) -> None:
        module, function = operation_id.split(".")
        handler, method = (inspect.signature(f) for f in (handler_of(operation_id), getattr(PORTS[module], function)))
        assert handler.return_annotation == method.return_annotation
        assert list(handler.parameters.values())[1:] == list(method.parameters.values())[1:]


@pytest.mark.parametrize("module", PORTS)
def test_every_method_of_a_port_has_an_operation(module: str) -> None:
    methods = {name for name, _ in inspect.getmembers(PORTS[module], inspect.iscoroutinefunction)}
    assert methods == {name.split(".")[1] for name in OPERATIONS if name.startswith(f"{module}.")}
