"""The loader of the OpenAPI documents."""

import copy
from pathlib import Path

import pytest
from connexion import AsyncApp

from opsgate import spec
from opsgate.compiled import stock
from opsgate.spec import SpecError

COMMON = """
openapi: 3.0.3
info: {title: shared, version: "1"}
paths: {}
components:
  schemas:
    Count: {type: integer}
    Counts: {type: array, items: {$ref: "#/components/schemas/Count"}}
    Unused: {type: string}
"""
API = """
openapi: 3.0.3
info: {title: one, version: "1"}
paths:
  /counts:
    parameters: [{$ref: "#/components/parameters/limit"}]
    get:
      operationId: list_counts
      parameters: [{name: unit, in: query, schema: {type: string}}]
      responses:
        200:
          description: all
          content: {application/json: {schema: {$ref: "common.yaml#/components/schemas/Counts"}}}
components:
  parameters:
    limit: {name: limit, in: query, schema: {type: integer}}
"""


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    (tmp_path / "common.yaml").write_text(COMMON)
    (tmp_path / "one.yaml").write_text(API)
    return tmp_path


class TestLoad:
    def test_merges_what_is_used_and_nothing_else(self, rooms: Path) -> None:
        schemas = spec.load("one", rooms)["components"]["schemas"]
        assert schemas == {
            "Count": {"type": "integer"},
            "Counts": {"type": "array", "items": {"$ref": "#/components/schemas/Count"}},
        }

    def test_makes_references_local(self, rooms: Path) -> None:
        response = spec.load("one", rooms)["paths"]["/counts"]["get"]["responses"]["200"]
        assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Counts"}

    def test_keeps_timestamps_as_text(self, rooms: Path) -> None:
        (rooms / "one.yaml").write_text(API + "  examples: {day: {value: 2026-11-22}}\n")
        assert spec.load("one", rooms)["components"]["examples"]["day"]["value"] == "2026-11-22"

    @pytest.mark.parametrize(
        ("addition", "message"),
        [
            ("  schemas: {Count: {type: string}}\n", "schemas/Count is defined twice"),
            ("  schemas: {A: {$ref: 'common.yaml#/components/schemas/Nowhere'}}\n", "no schemas/Nowhere"),
            ("  schemas: {A: {$ref: '#/components/schemas/Nowhere'}}\n", "leads nowhere"),
            ("  schemas: {A: {$ref: 'other.yaml#/components/schemas/B'}}\n", "only common.yaml can be referred to"),
            ("  schemas: {A: {$ref: '#/paths/x'}}\n", "only whole components"),
            ("  schemas: {A: {type: string}, A: {type: object}}\n", "'A' is defined twice"),
            ("- nonsense", "one.yaml"),
        ],
    )
    def test_refuses(self, rooms: Path, addition: str, message: str) -> None:
        (rooms / "one.yaml").write_text(API + addition)
        with pytest.raises(SpecError, match=message):
            spec.load("one", rooms)

    def test_refuses_a_missing_file(self, rooms: Path) -> None:
        with pytest.raises(SpecError, match="none.yaml"):
            spec.load("none", rooms)

    def test_refuses_what_is_no_mapping(self, rooms: Path) -> None:
        (rooms / "one.yaml").write_text("[]")
        with pytest.raises(SpecError, match="not a mapping"):
            spec.load("one", rooms)


class TestOperations:
    def test_lists_path_method_and_object(self, rooms: Path) -> None:
        document = spec.load("one", rooms)
        assert [(path, method, op["operationId"]) for path, method, op in spec.operations(document)] == [
            ("/counts", "get", "list_counts")
        ]

    def test_parameters_of_the_path_come_first_and_resolved(self, rooms: Path) -> None:
        document = spec.load("one", rooms)
        path, _, operation = spec.operations(document)[0]
        assert [p["name"] for p in spec.parameters(document, path, operation)] == ["limit", "unit"]


class TestStart:
    def test_a_document_that_is_not_openapi_is_refused(self) -> None:
        document = copy.deepcopy(spec.load("hoplite"))
        document["paths"]["/jobs"]["get"]["responses"] = {}
        with pytest.raises(SpecError, match="Hoplite Server HTTP API: .* - 'paths./jobs.get"):
            AsyncApp("test", middlewares=stock.MIDDLEWARES).add_api(document)
