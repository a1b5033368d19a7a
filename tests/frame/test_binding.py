"""Specs and handlers that do not fit stop the start, by name."""

import inspect
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from opsgate.binding import BindingError, bind

pytestmark = pytest.mark.anyio


async def get_thing(port: Any, /, thing_id: str, limit: int = 5) -> Any:
    return await port.thing(thing_id, limit)


async def put_thing(port: Any, /, thing_id: str, body: Any) -> Any:
    return port, thing_id, body


def not_async(port: Any, /) -> Any:
    return port


async def misspelt(port: Any, /, thing: str) -> Any:
    return port, thing


async def port_by_name(port: Any, thing_id: str) -> Any:
    return port, thing_id


async def other_default(port: Any, /, thing_id: str, limit: int = 7) -> Any:
    return port, thing_id, limit


async def takes_query(port: Any, /, thing_id: str, query: Any) -> Any:
    return port, thing_id, query


async def takes_all(port: Any, /, **parameters: Any) -> Any:
    return port, parameters


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """This module's functions as the handlers of an API called toy, and of its part."""
    names = ("opsgate.handlers.toy", "opsgate.handlers.toy.part")
    for name in names:
        module = ModuleType(name)
        vars(module).update(inspect.getmembers(sys.modules[__name__], inspect.isfunction))
        sys.modules[name] = module
    yield
    for name in names:
        del sys.modules[name]


def document(operation_id: str, *, limit: dict[str, Any] | None = None, body: bool = False) -> dict[str, Any]:
    parameters = [{"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}}]
    if limit is not None:
        parameters.append({"name": "limit", "in": "query", "schema": limit})
    operation: dict[str, Any] = {"operationId": operation_id, "parameters": parameters, "responses": {}}
    if body:
        operation["requestBody"] = {"content": {}}
    return {"paths": {"/things/{thing_id}": {"get": operation}}}


WITH_DEFAULT = {"type": "integer", "default": 5}


class Port:
    async def thing(self, thing_id: str, limit: int) -> tuple[str, int]:
        return thing_id, limit


class TestBind:
    async def test_hands_the_port_over_first(self) -> None:
        bound = bind("toy", document("get_thing", limit=WITH_DEFAULT), Port())
        assert await bound["get_thing"](thing_id="a", limit=3) == ("a", 3)

    async def test_a_module_gets_the_port_of_its_name(self) -> None:
        backend = SimpleNamespace(part=Port())
        bound = bind("toy", document("part.get_thing", limit=WITH_DEFAULT), backend)
        assert await bound["part.get_thing"](thing_id="a", limit=3) == ("a", 3)

    async def test_a_body_and_any_names(self) -> None:
        assert list(bind("toy", document("put_thing", body=True), Port())) == ["put_thing"]
        assert list(bind("toy", document("takes_all", limit=WITH_DEFAULT), Port())) == ["takes_all"]

    async def test_all_of_a_query_instead_of_its_parameters(self) -> None:
        offered = document("takes_query", limit=WITH_DEFAULT)
        assert list(bind("toy", offered, Port(), whole_query="query")) == ["takes_query"]
        with pytest.raises(BindingError, match=r"the operation gives \['limit', 'thing_id'\]"):
            bind("toy", offered, Port())


class TestRefusals:
    @pytest.mark.parametrize(
        ("operation_id", "message"),
        [
            ("", "has no operationId"),
            ("nowhere", "no handler opsgate.handlers.toy.nowhere"),
            ("none.get_thing", "no handler opsgate.handlers.toy.none.get_thing"),
            ("not_async", "is not an async function"),
            ("misspelt", r"takes \['thing'\], the operation gives \['thing_id'\]"),
            ("port_by_name", "positional-only"),
            ("put_thing", "body"),
            ("part.get_thing", "no port 'part'"),
        ],
    )
    async def test_names_the_operation_and_what_is_wrong(self, operation_id: str, message: str) -> None:
        with pytest.raises(BindingError, match=rf"toy: GET /things/{{thing_id}}.*{message}"):
            bind("toy", document(operation_id, limit=WITH_DEFAULT if "get_thing" in operation_id else None), Port())

    async def test_defaults_that_differ(self) -> None:
        with pytest.raises(BindingError, match="the default of limit is 5 in the spec"):
            bind("toy", document("other_default", limit=WITH_DEFAULT), Port())

    async def test_the_same_operation_id_twice(self) -> None:
        twice = document("get_thing", limit=WITH_DEFAULT)
        twice["paths"]["/others/{thing_id}"] = twice["paths"]["/things/{thing_id}"]
        with pytest.raises(BindingError, match="'get_thing' is used twice"):
            bind("toy", twice, Port())
