"""Every link leads from an answer to an operation: tried on the examples of that answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from opsgate.spec import Document, operations, parameters

EXPRESSION = re.compile(
    r"\$(?:response\.body(?:#(?P<pointer>(?:/[^}]+)?))?|request\.(?P<place>path|query)\.(?P<name>\w+))"
)


class Link(NamedTuple):
    """A link, and what it starts from."""

    where: str
    link: dict[str, Any]
    answers: list[object]
    asked: set[tuple[str, str]]


def target(document: Document, node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node:
        section, name = node["$ref"].removeprefix("#/components/").split("/")
        node = document["components"][section][name]
    return node


def examples(document: Document, response: dict[str, Any]) -> list[object]:
    found: list[object] = []
    for content in response.get("content", {}).values():
        found += [content["example"]] if "example" in content else []
        found += [target(document, example)["value"] for example in content.get("examples", {}).values()]
    return found


def links(document: Document) -> Iterator[Link]:
    for path, method, operation in operations(document):
        asked = {(parameter["in"], parameter["name"]) for parameter in parameters(document, path, operation)}
        for answer in operation["responses"].values():
            response = target(document, answer)
            for name, link in response.get("links", {}).items():
                where = f"{method} {path}: {name}"
                yield Link(where, target(document, link), examples(document, response), asked)


def expressions(link: dict[str, Any]) -> Iterator[re.Match[str]]:
    for value in link.get("parameters", {}).values():
        if isinstance(value, str) and "$" in value:
            found = list(EXPRESSION.finditer(value))
            assert found, f"{value} holds no expression that is known here"
            yield from found


def at(answer: Any, pointer: str) -> object:
    for step in pointer.split("/")[1:]:
        answer = answer[int(step)] if isinstance(answer, list) else answer[step]
    return answer


def has(answer: object, pointer: str) -> bool:
    try:
        return at(answer, pointer) is not None
    except (KeyError, IndexError, TypeError, ValueError):
        return False


class TestLinks:
    def test_lead_to_operations_and_their_parameters(self, document: Document) -> None:
        known = {
            operation["operationId"]: {parameter["name"] for parameter in parameters(document, path, operation)}
            for path, _, operation in operations(document)
        }
        for where, link, _, _ in links(document):
            assert link["operationId"] in known, where
            assert set(link.get("parameters", {})) <= known[link["operationId"]], where

    def test_find_what_they_take_in_the_request(self, document: Document) -> None:
        for where, link, _, asked in links(document):
            taken = {(match["place"], match["name"]) for match in expressions(link) if match["place"]}
            assert taken <= asked, where

    def test_find_what_they_take_in_an_example_of_the_answer(self, document: Document) -> None:
        for where, link, answers, _ in links(document):
            for match in expressions(link):
                if not match["place"]:
                    assert any(has(answer, match["pointer"] or "") for answer in answers), f"{where}: {match[0]}"


@pytest.mark.parametrize(
    ("pointer", "found"), [("", True), ("/0/name", True), ("/1/name", False), ("/0/nick", False), ("/x", False)]
)
def test_pointers_are_followed(pointer: str, found: bool) -> None:
    assert has([{"name": "supv-01"}], pointer) is found
