"""Suites: listed, created all or none, and never in a way that the server dies of."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import pytest

from opsgate.backends.ecflow.port import EcflowBackend
from opsgate.backends.errors import Conflict, Invalid
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio


async def names(backend: EcflowBackend) -> list[str]:
    found: list[str] = orjson.loads((await backend.suites.suites()).body)
    return found


@pytest.fixture
async def clean(backend: EcflowBackend, server: EcflowServer) -> AsyncIterator[None]:
    """Take away the suites that a test has made."""
    before = await names(backend)
    yield
    for name in await names(backend):
        if name not in before:
            server.delete(f"/{name}")


@pytest.mark.usefixtures("clean")
class TestCreate:
    async def test_one(self, backend: EcflowBackend) -> None:
        made = await backend.suites.create_suites("suite c1\n family a\n  task a\n endfamily\nendsuite")
        assert made == ["c1"]
        assert "c1" in await names(backend)
        document = orjson.loads((await backend.nodes.definition("/c1")).body)
        assert document == {
            "definition": "suite c1\n  family a\n    task a\n  endfamily\nendsuite\n",
            "path": "/c1",
        }

    async def test_several(self, backend: EcflowBackend) -> None:
        assert await backend.suites.create_suites("suite c1\nendsuite\nsuite c2\nendsuite\n") == ["c1", "c2"]

    async def test_on_one_line_with_comments(self, backend: EcflowBackend) -> None:
        text = "# ; a comment\nsuite c1; family f; task t; task u # ; more\nendfamily; endsuite\n;\n ; ;\n"
        assert await backend.suites.create_suites(text) == ["c1"]
        tree = orjson.loads((await backend.nodes.tree("/c1")).body)
        assert tree == {"c1": {"f": {"t": {}, "u": {}}}}

    async def test_an_existing_one(self, backend: EcflowBackend) -> None:
        await backend.suites.create_suites("suite c1\n  task t\nendsuite")
        with pytest.raises(Conflict, match="suite c1 exists already"):
            await backend.suites.create_suites("suite c0\nendsuite\nsuite c1\nendsuite")
        assert "c0" not in await names(backend)

    async def test_one_name_twice(self, backend: EcflowBackend) -> None:
        with pytest.raises(Invalid, match="two suites of the same name"):
            await backend.suites.create_suites("suite c1\nendsuite\nsuite c1\nendsuite")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "holds no suite, family or task"),
            ("# nothing", "holds no suite, family or task"),
            (";", "holds no suite, family or task"),
            ("suite", "suite without a proper name in line 1"),
            ("suite a b", "ends within suite a"),
            ("suite a\n  family f\nendsuite", "endsuite closes no suite"),
            ("suite a\n  task t", "ends within suite a"),
            ("suite a\n  task t\n    family f\n endfamily\nendsuite\nendfamily", "endfamily closes no family"),
            ("suite a\nsuite b\nendsuite\nendsuite", "suite b cannot be within suite a"),
            ("family f\nendfamily", "family f is not within a suite"),
            ("suite a\n  nonsense\nendsuite", "nonsense"),
            ("suite a\n  task t\n    meter m 5 1\nendsuite", "meter"),
            ("suite a\n  task t\n    trigger 1 == 1 == 1\nendsuite", "line 3 of the definition cannot be read"),
            ("suite a\n  task t\n    trigger -a a and\nendsuite", "line 3 of the definition cannot be read at 'a and'"),
            ("suite a\0\nendsuite", "NUL"),
        ],
    )
    async def test_what_is_wrong(self, text: str, message: str, backend: EcflowBackend, server: EcflowServer) -> None:
        before = await names(backend)
        with pytest.raises(Invalid, match=message):
            await backend.suites.create_suites(text)
        assert await names(backend) == before
        assert server.running

    async def test_a_mistake_in_the_second_takes_back_the_first(self, backend: EcflowBackend) -> None:
        text = "suite c1\n  task t\nendsuite\nsuite c2\n  task t\n    trigger nope == complete\nendsuite\n"
        with pytest.raises(Invalid, match="Could not find node 'nope'"):
            await backend.suites.create_suites(text)
        assert not {"c1", "c2"} & set(await names(backend))

    async def test_references_to_nowhere_on_request(self, backend: EcflowBackend, server: EcflowServer) -> None:
        text = "extern /other/t\nsuite c1\n  task t\n    trigger /other/t == complete\nendsuite\n"
        with pytest.raises(Invalid, match="Could not find referenced node"):
            await backend.suites.create_suites(text)
        assert await backend.suites.create_suites(text, add_externs=True) == ["c1"]
        document = orjson.loads((await backend.nodes.definition("/c1")).body)
        assert "trigger /other/t == complete" in document["definition"]
        assert server.running

    async def test_a_text_that_calls_itself_a_checkpoint(self, backend: EcflowBackend) -> None:
        text = "#5.9.2\ndefs_state MIGRATE state>:complete\nhistory /x a\nsuite c1 # begun:1\n  nonsense\nendsuite\n"
        with pytest.raises(Invalid, match="nonsense"):
            await backend.suites.create_suites(text)
        assert "c1" not in await names(backend)
