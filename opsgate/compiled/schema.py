"""OpenAPI 3.0 schemas, compiled for jsonschema-rs.

OpenAPI 3.0's schemas are JSON Schema Draft 4 (``exclusiveMinimum`` is a boolean) with words of its own. Those that
mean something for validation are rewritten here: ``nullable``, ``readOnly`` and ``writeOnly``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jsonschema_rs import Draft4, Draft4Validator, Registry

Schema = dict[str, Any]
Names = frozenset[str]

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

    def draft4(self, schema: Schema, hidden: Names = frozenset()) -> Schema:
        """`schema` in the words of Draft 4, references made absolute.

        Args:
            schema: A schema of the document.
            hidden: Properties that are not for this direction, by what else `schema` is together with (``allOf``).
        """
        if "$ref" in schema:
            target = self.resolve(schema)
            if hidden.isdisjoint(self._across(target, lambda part: part.get("required", ()))):
                return {"$ref": f"{_BASE}{schema['$ref']}"}
            return self.draft4(target, hidden)
        hidden |= self._across(schema, self._hidden_here)
        rewritten = {name: value for name, value in schema.items() if name in _KEPT}
        for name, rewrite in self._nested.items():
            if name in schema:
                rewritten[name] = rewrite(schema[name])
        if "allOf" in schema:
            rewritten["allOf"] = [self.draft4(part, hidden) for part in schema["allOf"]]
        if schema.get("nullable") is True:
            _allow_null(rewritten)
        self._hide(schema, rewritten, hidden)
        return rewritten

    @property
    def _nested(self) -> Mapping[str, Callable[[Any], Any]]:
        """How the keywords are rewritten that hold schemas."""
        return {
            "properties": lambda named: {name: self.draft4(schema) for name, schema in named.items()},
            "additionalProperties": lambda value: value if isinstance(value, bool) else self.draft4(value),
            **dict.fromkeys(("items", "not"), self.draft4),
            **dict.fromkeys(("anyOf", "oneOf"), lambda schemas: [self.draft4(schema) for schema in schemas]),
        }

    def _across(self, schema: Schema, names: Callable[[Schema], Iterable[str]]) -> Names:
        """The names that `names` gives for a schema and for all that it is together with."""
        whole = self.resolve(schema)
        return frozenset(names(whole)).union(*(self._across(part, names) for part in whole.get("allOf", ())))

    def _hidden_here(self, schema: Schema) -> Iterable[str]:
        properties = schema.get("properties", {})
        return [name for name, inner in properties.items() if self.resolve(inner).get(self._hidden) is True]

    def _hide(self, schema: Schema, rewritten: Schema, hidden: Names) -> None:
        """Properties that are not for this direction are not required; we must not send them either."""
        if self._forbid:
            rewritten.get("properties", {}).update({name: {"not": {}} for name in self._hidden_here(schema)})
        if required := [name for name in rewritten.pop("required", ()) if name not in hidden]:
            rewritten["required"] = required


def _allow_null(schema: Schema) -> None:
    """Like Connexion: ``nullable`` adds null to the type and to the values of the same schema, and to nothing else."""
    if "type" in schema:
        schema["type"] = [schema["type"], "null"]
    if "enum" in schema and None not in schema["enum"]:
        schema["enum"] = [*schema["enum"], None]
