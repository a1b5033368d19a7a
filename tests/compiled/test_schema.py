"""What is required of a request and may be in an answer, where schemas are put together."""

from __future__ import annotations

from typing import Any

import pytest

from opsgate.compiled.schema import Schemas

ID: dict[str, Any] = {"type": "object", "properties": {"id": {"type": "integer", "readOnly": True}}}
SECRET: dict[str, Any] = {"type": "object", "properties": {"secret": {"type": "string", "writeOnly": True}}}
BOTH: dict[str, Any] = {"required": ["id", "secret", "name"], "properties": {"name": {"type": "string"}}}
DOCUMENT = {
    "components": {
        "schemas": {
            "Id": ID,
            "Secret": SECRET,
            "Both": BOTH,
            "Deep": {"allOf": [{"$ref": "#/components/schemas/Both"}]},
            "Tree": {
                **ID,
                "required": ["id"],
                "properties": {"id": {}, "child": {"$ref": "#/components/schemas/Tree"}},
            },
        }
    }
}
ID_REF, SECRET_REF, BOTH_REF, DEEP_REF = (
    {"$ref": f"#/components/schemas/{n}"} for n in ("Id", "Secret", "Both", "Deep")
)
TOGETHER = [
    pytest.param({"allOf": [ID, SECRET, BOTH]}, id="in place"),
    pytest.param({"allOf": [ID_REF, SECRET_REF, BOTH_REF]}, id="by reference"),
    pytest.param({"allOf": [DEEP_REF, {"allOf": [ID_REF, SECRET_REF]}]}, id="nested"),
    pytest.param({"allOf": [ID_REF, SECRET_REF], **BOTH}, id="required beside"),
]
WHOLE = {"id": 1, "secret": "s", "name": "n"}


def lacking(*names: str) -> dict[str, object]:
    return {name: value for name, value in WHOLE.items() if name not in names}


class TestAllOf:
    @pytest.mark.parametrize("schema", TOGETHER)
    def test_of_a_request(self, schema: dict[str, Any]) -> None:
        valid = Schemas(DOCUMENT).validator(schema).is_valid
        assert [valid(lacking()), valid(lacking("id"))] == [True, True]
        assert [valid(lacking("secret")), valid(lacking("name"))] == [False, False]

    @pytest.mark.parametrize("schema", TOGETHER)
    def test_of_an_answer(self, schema: dict[str, Any]) -> None:
        valid = Schemas(DOCUMENT, answers=True).validator(schema).is_valid
        assert [valid(lacking("secret")), valid(lacking())] == [True, False]
        assert [valid(lacking("secret", "id")), valid(lacking("secret", "name"))] == [False, False]

    def test_elsewhere_the_same_schema_requires_it(self) -> None:
        schemas = Schemas(DOCUMENT)
        assert schemas.validator(TOGETHER[1].values[0]).is_valid(lacking("id"))  # type: ignore[arg-type]
        assert not schemas.validator(BOTH_REF).is_valid(lacking("id"))

    def test_a_schema_that_holds_itself(self) -> None:
        valid = Schemas(DOCUMENT).validator({"$ref": "#/components/schemas/Tree"}).is_valid
        assert valid({"id": 1, "child": {"id": 2}})
        assert not valid({"id": 1, "child": {}})
