"""What parses ecFlow's texts: definitions from the server and from clients, triggers, answers on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import orjson

from opsgate.backends.ecflow import deltas, grammar, parsing, printing, stats, submitted, trees, wire
from opsgate.backends.ecflow.expressions import Place
from opsgate.backends.ecflow.model import Definition
from opsgate.backends.ecflow.port import TreeView
from opsgate.backends.ecflow.why import why
from opsgate.backends.errors import Broken, Invalid

_ALL: Final = TreeView("full", with_id=True, gen_vars=True, secrets=True)
_CORPUS: Final = Path(__file__).parent / "corpus"
_KNOWN: Final = parsing.definition((_CORPUS / "definition" / "02").read_text())
"""What the changes of a frame are applied to, and where triggers are judged: as a server sent it."""


def definition(data: bytes) -> None:
    """A definition as ecflow_server prints it, and all that is shown of it."""
    try:
        found = parsing.definition(data.decode(errors="replace"), _KNOWN)
    except Broken:
        return
    _show(found)


def submitted_definition(data: bytes) -> None:
    """A definition as a client submits it; what may be sent is read again as the same."""
    try:
        found = submitted.read(data.decode(errors="replace"))
    except Invalid:
        return
    assert submitted.read(found.text) == found


def expression(data: bytes) -> None:
    """A trigger, and whether it holds."""
    try:
        found = grammar.parse(data.decode(errors="replace"))
    except grammar.ParseError:
        return
    lineage = _KNOWN.lineage("/s/f/t")
    assert lineage
    place = Place(_KNOWN, lineage)
    place.holds(found)
    place.missing(found)


def frame(data: bytes) -> None:
    """An answer of ecflow_server."""
    try:
        wire.length(data[:8])
        reply = wire.decode(data[8:])
    except Broken:
        return
    for read in (stats.named, stats.start):
        with suppress(Broken):
            read(reply.data)
    _synchronise(reply.data.get("incremental_changes_", {}))


def _synchronise(data: Mapping[str, Any]) -> None:
    try:
        changes = deltas.read(data)
        changed, stale = deltas.apply(_KNOWN, changes)
        for path in stale:
            node = _KNOWN.find(path)
            assert node
            deltas.exact(node, changes.nodes[path])
    except deltas.UnknownError:
        return
    _show(changed)


def _show(found: Definition) -> None:
    orjson.loads(trees.tree(found, [], TreeView()))
    orjson.loads(trees.tree(found, [], _ALL))
    orjson.loads(trees.server_attributes(found))
    for suite in found.suites:
        printing.definition(suite)
        for path, _ in suite.walk(f"/{suite.name}"):
            lineage = found.lineage(path)
            if lineage:  # of two by one name, the last is found
                why(found, lineage)
                orjson.loads(trees.attributes(found, lineage, secrets=True))
