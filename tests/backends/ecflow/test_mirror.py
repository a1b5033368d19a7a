"""The copy of the definition: whatever is changed, by whomever, it is what the server would tell as a whole."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable

import pytest

from opsgate.backends.ecflow import commands, parsing
from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.barrier import OwnBarrier
from opsgate.backends.ecflow.client import Client
from opsgate.backends.ecflow.commands import Add
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.mirror import Mirror
from opsgate.backends.ecflow.model import Definition, Variable
from opsgate.backends.ecflow.port import User
from opsgate.backends.ecflow.syncing import Syncing
from opsgate.backends.ecflow.transport import Transport
from tests.backends.ecflow.everything import everything, flattened
from tests.backends.ecflow.others import Others
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio


class Shared(Transport):
    """The way to a server that others use as well: each of our requests may find that they came before it."""

    def __init__(self, server: EcflowServer) -> None:
        super().__init__(Address("127.0.0.1", server.port), Limits())
        self.others: Callable[[str], None] = lambda _name: None

    async def exchange(self, frame: bytes, name: str, *, acts: bool) -> bytes:
        """Let the others do what they want, and send."""
        self.others(name)
        return await super().exchange(frame, name, acts=acts)


@pytest.fixture
def way(server: EcflowServer) -> Shared:
    return Shared(server)


@pytest.fixture
async def mirror(way: Shared) -> AsyncIterator[Mirror]:
    barrier, limits = OwnBarrier(), Limits()
    client = Client(way, User("tester"), barrier.mark)
    made = Mirror(Syncing(client, limits.exact_values), barrier, limits)
    yield made
    await made.aclose()
    await client.aclose()


class TestChangesByOthers:
    @pytest.mark.parametrize("meanwhile", [0.0, 0.5], ids=["before", "meanwhile"])
    @pytest.mark.parametrize("seed", range(4))
    async def test_are_seen_as_in_the_whole_text(
        self, seed: int, meanwhile: float, mirror: Mirror, way: Shared, server: EcflowServer
    ) -> None:
        name, chance = f"mirror{seed}", random.Random(seed)  # noqa: S311 - of tests
        server.load(everything(name))
        server.begin(name)
        others = Others(server, name, chance)

        def come_between(_name: str) -> None:
            if chance.random() < meanwhile:
                others.change_something()

        compared = 0
        try:
            for step in range(150):
                others.change_something()
                if meanwhile:
                    way.others = come_between
                    await mirror.current()
                    way.others = lambda _name: None
                seen = (await mirror.current()).definition
                whole = parsing.definition(server.definition())
                if (whole.state, whole.modify) == (seen.state, seen.modify):
                    compared += 1
                    assert inexact(flattened(seen)) == inexact(flattened(whole)), f"step {step}"
                    assert of_server(seen) == of_server(whole)
            assert compared > 100
        finally:
            server.delete(f"/{name}")

    async def test_to_a_node_that_is_just_read_are_kept_when_all_is_read_anew(
        self, mirror: Mirror, way: Shared, server: EcflowServer, suite: str
    ) -> None:
        path, values = f"/{suite}/f/t", ["second", "first"]

        def change() -> None:
            command = commands.add(path, Add.VARIABLE, "V", values.pop())
            server.command(command.kind, **command.fields)

        def change_before_it_is_read(name: str) -> None:
            if values and name == commands.node(path).name:
                change()

        async def seen() -> list[str]:
            return [variable.value for variable in (await mirror.current()).node(path).of(Variable)]

        assert await seen() == []
        change()
        way.others = change_before_it_is_read  # and after the sync, which tells of the first
        assert await seen() in (["first"], ["second"])
        assert not values
        server.load(f"suite {suite}n\nendsuite\n")
        assert await seen() == ["second"]
        server.delete(f"/{suite}n")


def of_server(definition: Definition) -> str:
    return inexact(definition.server)


def inexact(known: object) -> str:
    """Return what is known with newlines as the text shows them: it does not tell them from a backslash and n."""
    return repr(known).replace("\\\\n", "\\n")
