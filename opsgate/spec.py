"""Loads the hand-written OpenAPI documents of `specs/`.

What this module returns for an API is the one document that is routed, validated against, served as
``openapi.json``, shown in Swagger UI and tested. Connexion is handed the finished dictionary, because its own
loader runs spec files through a template engine and resolves names of shared files wrongly.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode

Document = dict[str, Any]

SPECS: Final = Path(__file__).parent / "specs"
METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_COMMON: Final = "common.yaml"


class SpecError(Exception):
    """A spec file that cannot be used: unreadable, a name defined twice, a reference that leads nowhere."""


class _Loader(yaml.CSafeLoader):
    """A safe YAML loader that refuses a key given twice, and keeps timestamps and numeric keys as text."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build the mapping, or raise `ConstructorError` for a repeated key."""
        mapping = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            seen: set[str] = set()
            for key, _ in node.value:
                if key.value in seen:
                    raise ConstructorError(problem=f"{key.value!r} is defined twice", problem_mark=key.start_mark)
                seen.add(key.value)
        return {str(key): value for key, value in mapping.items()}


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> Document:
    """Read one YAML file into a dictionary.

    Raises:
        SpecError: The file is missing, is not YAML, holds a key twice or is not a mapping.
    """
    try:
        document = yaml.load(path.read_bytes(), _Loader)  # noqa: S506 - derived from the safe loader
    except (OSError, yaml.YAMLError) as exc:
        raise SpecError(f"{path.name}: {exc}") from exc
    if not isinstance(document, dict):
        raise SpecError(f"{path.name}: not a mapping")
    return document


@functools.cache
def load(api: str, directory: Path = SPECS) -> Document:
    """The document of one API with everything it uses of ``common.yaml`` merged in.

    Args:
        api: The join key, e.g. ``supvisors``; the file is ``<api>.yaml``.
        directory: Where the files lie.

    Returns:
        An OpenAPI 3.0.3 document whose references are all local. Callers must not change it.

    Raises:
        SpecError: See `read`; also for a component defined in both files, or a reference that leads nowhere.
    """
    document = read(directory / f"{api}.yaml")
    common = read(directory / _COMMON)
    _merge(document, common)
    for reference in _references(document):
        _target(document, reference)
    return document


def operations(document: Document) -> list[tuple[str, str, Document]]:
    """Every operation of a document as ``(path template, lower-case method, operation object)``, in its order."""
    return [
        (path, method, item[method]) for path, item in document["paths"].items() for method in METHODS if method in item
    ]


def parameters(document: Document, path: str, operation: Document) -> list[Document]:
    """The parameter objects that hold for an operation, those of its path item included, references resolved."""
    declared = [*document["paths"][path].get("parameters", []), *operation.get("parameters", [])]
    return [_target(document, item["$ref"]) if "$ref" in item else item for item in declared]


def _merge(document: Document, common: Document) -> None:
    """Copy what `document` uses of `common` into it, turning ``common.yaml#/…`` references into local ones."""
    own, shared = document.setdefault("components", {}), common.get("components", {})
    for section, names in shared.items():
        if twice := set(names) & set(own.get(section, {})):
            raise SpecError(f"{section}/{min(twice)} is defined twice: in the API's own file and in {_COMMON}")
    schemes = set(shared.get("securitySchemes", {})) & _required(document)
    waiting = _localise(document) | {("securitySchemes", name) for name in schemes}
    while waiting:
        section, name = waiting.pop()
        if name in own.setdefault(section, {}):
            continue
        if name not in shared.get(section, {}):
            raise SpecError(f"{_COMMON} has no {section}/{name}")
        own[section][name] = shared[section][name]
        waiting |= _localise(own[section][name]) | {_component(ref) for ref in _references(own[section][name])}


def _required(document: Document) -> set[str]:
    """The security schemes that are asked for, of the whole document or of single operations."""
    asked = [document.get("security", []), *(operation.get("security", []) for _, _, operation in operations(document))]
    return {name for alternatives in asked for requirement in alternatives for name in requirement}


def _localise(node: Any) -> set[tuple[str, str]]:
    """Rewrite references to the common file in place; return the ``(section, name)`` pairs they named."""
    found = set()
    for holder in _holders(node):
        file, _, pointer = holder["$ref"].partition("#")
        if file == _COMMON:
            holder["$ref"] = f"#{pointer}"
            found.add(_component(holder["$ref"]))
        elif file:
            raise SpecError(f"{holder['$ref']}: only {_COMMON} can be referred to")
    return found


def _component(reference: str) -> tuple[str, str]:
    parts = reference.removeprefix("#/components/").split("/")
    if not reference.startswith("#/components/") or len(parts) != 2:  # noqa: PLR2004 - section and name
        raise SpecError(f"{reference}: only whole components can be referred to")
    return parts[0], parts[1]


def _references(node: Any) -> set[str]:
    return {holder["$ref"] for holder in _holders(node)}


def _holders(node: Any) -> list[Document]:
    """Every mapping below `node` that is a reference."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            return [node]
        return [holder for value in node.values() for holder in _holders(value)]
    if isinstance(node, list):
        return [holder for value in node for holder in _holders(value)]
    return []


def _target(document: Document, reference: str) -> Document:
    section, name = _component(reference)
    try:
        found: Document = document["components"][section][name]
    except KeyError:
        raise SpecError(f"{reference} leads nowhere") from None
    return found
