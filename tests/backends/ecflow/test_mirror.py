"""The copy of the definition: whatever is changed, by whomever, it is what the server would tell as a whole."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator

import pytest

from opsgate.backends.ecflow import parsing
from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.barrier import OwnBarrier
from opsgate.backends.ecflow.client import Client
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.mirror import Mirror
from opsgate.backends.ecflow.model import Definition
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


def of_server(definition: Definition) -> str:
    return inexact(definition.server)


def inexact(known: object) -> str:
    """Return what is known with newlines as the text shows them: it does not tell them from a backslash and n."""
    return repr(known).replace("\\\\n", "\\n")
