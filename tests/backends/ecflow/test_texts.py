"""Texts that are awkward in definitions: they come back as they were given, whichever way they went."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.port import Attribute, EcflowBackend, User
from opsgate.backends.errors import Invalid
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio

TEXTS = {
    "blanks": "  two  words ",
    "empty": "",
    "tab": "a\tb",
    "newline": "first\nsecond\n",
    "backslash and n": "not\\na newline",
    "hash": "before # after",
    "apostrophes": "it's 'quoted'",
    "quotes": 'say "yes" and "no"',
    "both with hash": "x' # y\" # z",
    "semicolons": "a;b; task evil",
    "unicode": "Grüße \u20ac \U0001f600 \u202e",
    "definition": "x\nendsuite\nsuite evil",
    "percent": "%ECF_HOME%/%%",
    "backslashes": "C:\\dir\\",
    "like a server's own": "x' # server",
    "control": "\x1b[31mred\x07",
}


@pytest.fixture
async def another(server: EcflowServer) -> AsyncIterator[EcflowBackend]:
    """A worker that has to read everything from the whole text."""
    made = connect(Address("127.0.0.1", server.port), user=User("tester"))
    yield made
    await made.aclose()


async def values(backend: EcflowBackend, path: str, key: str) -> dict[str, Any]:
    shown = orjson.loads((await backend.attributes.attributes(path)).body)
    return {one["name"]: one["value"] for one in shown[key] if "generated" not in one}


@pytest.mark.parametrize("name", TEXTS)
class TestTexts:
    async def test_of_variables(self, name: str, backend: EcflowBackend, another: EcflowBackend, suite: str) -> None:
        path, text = f"/{suite}/f/t", TEXTS[name]
        await backend.attributes.add_attribute(path, Attribute("variable", "V", text))
        assert (await values(backend, path, "variables"))["V"] == text
        assert (await values(another, path, "variables"))["V"] == text
        await backend.attributes.change_attribute(path, Attribute("variable", "V", text + text))
        assert (await values(another, path, "variables"))["V"] == text + text

    async def test_of_labels(self, name: str, backend: EcflowBackend, another: EcflowBackend, suite: str) -> None:
        path, text = f"/{suite}/f/t", TEXTS[name]
        await backend.attributes.add_attribute(path, Attribute("label", "l", "none"))
        await backend.attributes.change_attribute(path, Attribute("label", "l", text))
        shown = text or "none"  # an emptied label shows what its definition says
        assert await values(backend, path, "labels") == {"l": shown}
        assert await values(another, path, "labels") == {"l": shown}

    async def test_outlive_a_rewritten_node(
        self, name: str, backend: EcflowBackend, another: EcflowBackend, suite: str
    ) -> None:
        path, text = f"/{suite}/f/t", TEXTS[name]
        await backend.attributes.add_attribute(path, Attribute("variable", "V", text))
        await backend.attributes.add_attribute(path, Attribute("label", "l", "none"))
        await backend.attributes.change_attribute(path, Attribute("label", "l", text))
        await backend.attributes.add_attribute(path, Attribute("meter", "m", minimum=0, maximum=9))
        for reader in (backend, another):
            assert (await values(reader, path, "variables"))["V"] == text
            assert await values(reader, path, "labels") == {"l": text or "none"}
            assert await values(reader, path, "meters") == {"m": 0}

    async def test_of_the_server(self, name: str, backend: EcflowBackend, another: EcflowBackend, suite: str) -> None:
        text, variable = TEXTS[name], f"OF_{suite}"
        await backend.server.add_variable(variable, text)
        for reader in (backend, another):
            shown = orjson.loads((await reader.server.attributes()).body)["variables"]
            assert {"name": variable, "value": text, "const": False} in shown
        await backend.server.delete_variable(variable)


class TestRefused:
    @pytest.mark.parametrize("kind", ["variable", "label"])
    async def test_nul(self, kind: Any, backend: EcflowBackend, suite: str) -> None:
        with pytest.raises(Invalid, match="NUL"):
            await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute(kind, "V", "a\0b"))

    @pytest.mark.parametrize("kind", ["variable", "label"])
    async def test_half_a_character(self, kind: Any, backend: EcflowBackend, suite: str) -> None:
        with pytest.raises(Invalid, match="not Unicode"):
            await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute(kind, "V", "\ud800"))

    @pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "x'", "-x", ".x", "a;b", "a#b", "\u00fc", "a/b"])
    async def test_names(self, name: str, backend: EcflowBackend, suite: str) -> None:
        for kind in ("variable", "label", "event", "limit", "queue", "generic"):
            with pytest.raises(Invalid, match="is no name of"):
                await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute(kind, name, "1"))
        with pytest.raises(Invalid, match="is no name of"):
            await backend.server.add_variable(name, "1")
