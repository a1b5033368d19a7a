"""The copy of the definition: whatever is changed, by whomever, it is what the server would tell as a whole."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable

import pytest

from opsgate.backends.ecflow import commands, parsing
from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.barrier import OwnBarrier
from opsgate.backends.ecflow.client import Client
from opsgate.backends.ecflow.commands import Add, Command
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


@pytest.fixture
async def mirror(server: EcflowServer) -> AsyncIterator[Mirror]:
    barrier, limits = OwnBarrier(), Limits()
    client = Client(Transport(Address("127.0.0.1", server.port), limits), User("tester"), barrier.mark)
    made = Mirror(Syncing(client, limits.exact_values), barrier, limits)
    yield made
    await made.aclose()
    await client.aclose()


class TestChangesByOthers:
    @pytest.mark.parametrize("seed", range(4))
    async def test_are_seen_as_in_the_whole_text(self, seed: int, mirror: Mirror, server: EcflowServer) -> None:
        name = f"mirror{seed}"
        server.load(everything(name))
        server.begin(name)
        others = Others(server, name, random.Random(seed))  # noqa: S311 - of tests
        compared = 0
        try:
            for step in range(150):
                others.change_something()
                seen = (await mirror.current()).definition
                whole = parsing.definition(server.definition())
                if (whole.state, whole.modify) == (seen.state, seen.modify):
                    compared += 1
                    assert inexact(flattened(seen)) == inexact(flattened(whole)), f"step {step}"
                    assert of_server(seen) == of_server(whole)
            assert compared > 100
        finally:
            server.delete(f"/{name}")


class Meanwhile(Client):
    """A client that does what others have in mind before it asks for its next text."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, User("tester"), lambda: None)
        self.others: list[Callable[[], None]] = []

    async def text(self, command: Command, field: str, user: User | None = None) -> str:
        """Let them, and ask."""
        while self.others:
            self.others.pop()()
        return await super().text(command, field, user)


async def test_a_value_that_changes_while_its_node_is_read_is_not_kept(server: EcflowServer, suite: str) -> None:
    path, limits = f"/{suite}/f/t", Limits()
    client = Meanwhile(Transport(Address("127.0.0.1", server.port), limits))
    mirror = Mirror(Syncing(client, limits.exact_values), OwnBarrier(), limits)

    def sets(value: str) -> None:
        command = commands.add(path, Add.VARIABLE, "V", value)
        server.command(command.kind, **command.fields)

    async def seen() -> list[str]:
        node = (await mirror.current()).node(path)
        return [variable.value for variable in node.of(Variable)]

    assert await seen() == []
    sets("first")
    client.others.append(lambda: sets("second"))  # after the sync has told of the first
    assert await seen() in (["first"], ["second"])
    assert not client.others
    server.load(f"suite {suite}n\nendsuite\n")  # so that all is told anew, and of that node just what was read of it
    assert await seen() == ["second"]
    server.delete(f"/{suite}n")
    await mirror.aclose()
    await client.aclose()


def of_server(definition: Definition) -> str:
    return inexact(definition.server)


def inexact(known: object) -> str:
    """Return what is known with newlines as the text shows them: it does not tell them from a backslash and n."""
    return repr(known).replace("\\\\n", "\\n")
