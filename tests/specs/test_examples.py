"""Every example of every document fits the schema that it stands beside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from openapi_schema_validator import OAS30ReadValidator

from opsgate.spec import Document, operations

SCHEMA_WORDS = {"type", "allOf", "anyOf", "oneOf", "enum"}


def walk(node: Any, path: str = "#", *, names: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of a document but the values of examples; keys that are names of properties are not its words."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from walk(item, f"{path}/{index}")
    if isinstance(node, dict):
        if not names:
            yield path, node
        for key, value in node.items():
            if names or key not in {"example", "default", "enum", "value"}:
                yield from walk(value, f"{path}/{key}", names=not names and key in {"properties", "examples"})


def target(document: Document, node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        section, name = node["$ref"].removeprefix("#/components/").split("/")
        node = document["components"][section][name]
    return node


def given(document: Document, node: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """The examples that an object of the document has, with a name for each."""
    if "example" in node:
        yield "example", node["example"]
    for name, example in node.get("examples", {}).items():
        yield name, target(document, example)["value"]


def schema_of(node: dict[str, Any]) -> dict[str, Any] | None:
    """What examples of an object have to fit: its schema, or itself where it is one."""
    if "schema" in node:
        schema: dict[str, Any] = node["schema"]
        return schema
    return node if SCHEMA_WORDS & node.keys() else None


def misfits(document: Document, schema: dict[str, Any], value: object) -> list[str]:
    validator = OAS30ReadValidator({"allOf": [schema], "components": document["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


class TestExamples:
    def test_fit_their_schemas(self, document: Document) -> None:
        checked = 0
        for path, node in walk(document):
            schema = schema_of(node)
            if schema is not None and not path.startswith("#/components/examples"):
                for name, value in given(document, node):
                    assert misfits(document, schema, value) == [], f"{path} {name}"
                    checked += 1
        assert checked > len(operations(document))

    def test_are_in_every_answer(self, document: Document) -> None:
        for path, method, operation in operations(document):
            for status, response in operation["responses"].items():
                for media, content in target(document, response).get("content", {}).items():
                    assert list(given(document, content)), f"{method} {path} {status} {media}"

    def test_are_on_every_property(self, document: Document) -> None:
        for path, node in walk(document.get("components", {}).get("schemas", {}), "#/components/schemas"):
            for name, schema in node.get("properties", {}).items() if "type" in node else ():
                inner = target(document, schema)
                simple = inner.get("type") in {"string", "integer", "number", "boolean"}
                assert not simple or "example" in inner or "enum" in inner, f"{path} {name}"
