"""Twenty thousand nodes: what did not change is neither read nor written again, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Iterator
from typing import TypeVar

import orjson
import pytest

from opsgate.backends.ecflow import parsing
from opsgate.backends.ecflow.port import Attribute, EcflowBackend, TreeView
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio

T = TypeVar("T")

FAMILIES, TASKS = 200, 99


def large(name: str) -> str:
    lines = [f"suite {name}", "  limit lim 100"]
    for family in range(FAMILIES):
        lines += [f"  family f{family}", f"    inlimit /{name}:lim", f"    edit F '{family}'"]
        for task in range(TASKS):
            lines += [f"    task t{task}", "      edit X 'a value'", "      edit Y 'another'", '      label l "hello"']
            lines += ["      meter m 0 100", "      event e"]
            if task:
                lines.append(f"      trigger t{task - 1} == complete")
        lines.append("  endfamily")
    return "\n".join([*lines, "endsuite", ""])


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EcflowServer]:
    """A server with a large suite."""
    started = EcflowServer(tmp_path_factory.mktemp("large"))
    started.start()
    started.load(large("big"))
    yield started
    started.terminate()


@pytest.fixture
def server(crowded: EcflowServer) -> EcflowServer:
    """The backend of these tests is that of the large suite."""
    return crowded


def test_what_did_not_change_is_not_read_again(crowded: EcflowServer) -> None:
    text = crowded.definition()
    first = parsing.definition(text)
    assert sum(1 for _ in first.suites[0].walk("/big")) == 1 + FAMILIES * (1 + TASKS)
    assert parsing.definition(text, first).suites[0] is first.suites[0]
    assert sum(len(node.attributes) for _, node in first.suites[0].walk("/big")) == 1 + FAMILIES * (2 + TASKS * 6 - 1)


async def test_after_one_change_little_is_written_anew(backend: EcflowBackend) -> None:
    view = TreeView("full")
    first, all_calls = await counted(backend.nodes.tree(None, view))
    assert len(first.body) > 5_000_000
    for value in (1, 2, 3):
        await backend.attributes.change_attribute("/big/f7/t7", Attribute("meter", "m", value))
        again, calls = await counted(backend.nodes.tree(None, view))
        assert calls < all_calls / 50  # usually a two hundredth
        shown = orjson.loads(again.body)["big"]["children"]["f7"]["children"]["t7"]["attributes"]
        assert {"name": "m", "min": 0, "max": 100, "value": value, "type": "meter"} in shown
        assert await backend.nodes.tree(None, view) is again


async def test_others_are_served_while_a_large_tree_is_written(backend: EcflowBackend) -> None:
    await backend.suites.suites()
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    others = asyncio.create_task(take_turns())
    await backend.nodes.tree(None, TreeView("full"))
    others.cancel()
    assert turns > 50  # usually 219


async def test_a_change_of_structure_shows(backend: EcflowBackend) -> None:
    await backend.suites.suites()
    for name in ("n1", "n2"):
        await backend.nodes.put_child("/big/f3", f"task {name}\n  trigger t1 == complete")
        tree = orjson.loads((await backend.nodes.tree("/big/f3")).body)
        assert name in tree["f3"]


async def counted(work: Awaitable[T]) -> tuple[T, int]:
    """Do something, and count the functions that it calls: that is the same on any machine, at any load."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        done = await work
    finally:
        sys.setprofile(None)
    return done, calls
