"""OpenAPI 3.0 schemas, compiled for jsonschema-rs.

OpenAPI 3.0's schemas are JSON Schema Draft 4 (``exclusiveMinimum`` is a boolean) with words of its own. Those that
mean something for validation are rewritten here: ``nullable``, ``readOnly`` and ``writeOnly``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from jsonschema_rs import Draft4, Draft4Validator, Registry

Schema = dict[str, Any]

_BASE: Final = "urn:opsgate"
_KEPT: Final = frozenset(
    """multipleOf maximum exclusiveMaximum minimum exclusiveMinimum maxLength minLength pattern maxItems minItems
    uniqueItems maxProperties minProperties required enum type format""".split()  # noqa: SIM905 - seventeen lines shorter
)
"""Keywords that are taken over as they are; others that hold no schema (``example``, ``x-…``) are left out."""


class Schemas:
    """Compiles the schemas of one document, for requests or for answers."""

    def __init__(self, document: Mapping[str, Any], *, answers: bool = False) -> None:
        """Take a document whose references are not resolved: resolved recursive schemas have no end.

        Args:
            document: The OpenAPI document.
            answers: Whether what we send is checked (``writeOnly`` forbidden) or what we get (``readOnly`` optional).
        """
        self._document = document
        self._hidden = "writeOnly" if answers else "readOnly"
        self._forbid = answers
        named = document.get("components", {}).get("schemas", {})
        components = {"components": {"schemas": {name: self.draft4(schema) for name, schema in named.items()}}}
        self._compiled: dict[int, tuple[Schema, Draft4Validator]] = {}
        self._registry = Registry([(_BASE, components)], draft=Draft4)

    def validator(self, schema: Schema) -> Draft4Validator:
        """The compiled validator of a schema of the document; most responses of most operations share theirs.

        Raises:
            ValueError: The schema cannot be compiled.
        """
        if id(schema) not in self._compiled:
            validator = Draft4Validator(
                self.draft4(schema), validate_formats=True, registry=self._registry, offline=True
            )
            self._compiled[id(schema)] = schema, validator
        return self._compiled[id(schema)][1]

    def resolve(self, node: Any) -> Any:
        """What `node` refers to, or itself."""
        while isinstance(node, Mapping) and "$ref" in node:
            target: Any = self._document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            node = target
        return node

    def draft4(self, schema: Schema) -> Schema:
        """`schema` in the words of Draft 4, references made absolute."""
        if "$ref" in schema:
            return {"$ref": f"{_BASE}{schema['$ref']}"}
        rewritten = {name: value for name, value in schema.items() if name in _KEPT}
        for name, rewrite in self._nested.items():
            if name in schema:
                rewritten[name] = rewrite(schema[name])
        if schema.get("nullable") is True:
            _allow_null(rewritten)
        self._hide(schema, rewritten)
        return rewritten

    @property
    def _nested(self) -> Mapping[str, Callable[[Any], Any]]:
        """How the keywords are rewritten that hold schemas."""
        return {
            "properties": lambda named: {name: self.draft4(schema) for name, schema in named.items()},
            "additionalProperties": lambda value: value if isinstance(value, bool) else self.draft4(value),
            **dict.fromkeys(("items", "not"), self.draft4),
            **dict.fromkeys(("allOf", "anyOf", "oneOf"), lambda schemas: [self.draft4(schema) for schema in schemas]),
        }

    def _hide(self, schema: Schema, rewritten: Schema) -> None:
        """Properties that are not for this direction are not required; we must not send them either."""
        hidden = {
            name
            for name, inner in schema.get("properties", {}).items()
            if self.resolve(inner).get(self._hidden) is True
        }
        if self._forbid:
            rewritten.get("properties", {}).update({name: {"not": {}} for name in hidden})
        if required := [name for name in rewritten.pop("required", ()) if name not in hidden]:
            rewritten["required"] = required


def _allow_null(schema: Schema) -> None:
    """Like Connexion: ``nullable`` adds null to the type and to the values of the same schema, and to nothing else."""
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
