"""Rules that every operation of every document keeps."""

import json
import subprocess
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from opsgate import spec
from opsgate.spec import Document, operations, parameters

ROOT = Path(__file__).parents[2]
REDOCLY = "@redocly/cli@2.77.0"
ORDER = ["operationId", "tags", "summary", "description", "parameters", "requestBody", "responses", "security"]


def components(document: Document) -> set[str]:
    return {
        f"#/components/{section}/{name}"
        for section, names in document["components"].items()
        for name in names
        if section != "securitySchemes"
    }


class TestDocument:
    def test_is_valid_openapi(self, document: Document) -> None:
        assert [error.message for error in OpenAPIV30SpecValidator(document).iter_errors()] == []

    def test_says_what_it_is(self, document: Document) -> None:
        assert document["openapi"] == "3.0.3"
        assert document["info"]["title"]
        assert document["info"]["description"]

    def test_has_no_component_that_nobody_refers_to(self, document: Document) -> None:
        text = json.dumps(document)
        assert [name for name in components(document) if f'"$ref": "{name}"' not in text] == []

    def test_operation_ids_are_unique(self, document: Document) -> None:
        names = [operation["operationId"] for _, _, operation in operations(document)]
        assert len(names) == len(set(names))


class TestOperations:
    def test_are_described_whole(self, document: Document) -> None:
        for path, method, operation in operations(document):
            where = f"{method} {path}"
            assert len(operation["tags"]) == 1, where
            assert operation["summary"][0].isupper(), where
            assert not operation["summary"].endswith("."), where
            assert operation["description"].strip(), where

    def test_keep_one_order_of_keys(self, document: Document) -> None:
        for path, method, operation in operations(document):
            order = [ORDER.index(key) for key in operation]
            assert order == sorted(order), f"{method} {path}"

    def test_document_what_else_can_happen(self, document: Document) -> None:
        for path, method, operation in operations(document):
            assert "default" in operation["responses"], f"{method} {path}"

    def test_bound_every_integer_parameter(self, document: Document) -> None:
        for path, method, operation in operations(document):
            for parameter in parameters(document, path, operation):
                schema = parameter["schema"]
                assert "type" in schema, f"{method} {path} {parameter['name']}"
                if schema["type"] == "integer":
                    assert {"minimum", "maximum"} <= set(schema), f"{method} {path} {parameter['name']}"

    def test_describe_every_parameter_with_an_example(self, document: Document) -> None:
        for path, method, operation in operations(document):
            for parameter in parameters(document, path, operation):
                where = f"{method} {path} {parameter['name']}"
                assert parameter["description"], where
                assert "example" in parameter or "examples" in parameter or "example" in parameter["schema"], where


@pytest.mark.parametrize("file", sorted(path.name for path in spec.SPECS.glob("*.yaml") if path.name != "redocly.yaml"))
def test_redocly_finds_nothing(file: str) -> None:
    command = ["npx", "--yes", REDOCLY, "lint", "--config", "specs/redocly.yaml", f"specs/{file}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
