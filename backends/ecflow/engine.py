"""An ecflow_server as the backend of the ecFlow API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from opsgate.backends.calls import Calls
from opsgate.backends.ecflow import commands, stats
from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.attributes import Attributes
from opsgate.backends.ecflow.barrier import Barrier, OwnBarrier, SharedBarrier
from opsgate.backends.ecflow.client import Client, default_user
from opsgate.backends.ecflow.commands import Control
from opsgate.backends.ecflow.core import Core
from opsgate.backends.ecflow.editing import Editor
from opsgate.backends.ecflow.events import Events
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.locks import StructureLock
from opsgate.backends.ecflow.mirror import Mirror
from opsgate.backends.ecflow.nodes import Nodes
from opsgate.backends.ecflow.port import EcflowBackend, User
from opsgate.backends.ecflow.server import Server
from opsgate.backends.ecflow.status import Status
from opsgate.backends.ecflow.suites import Suites
from opsgate.backends.ecflow.syncing import Syncing
from opsgate.backends.ecflow.transport import Transport
from opsgate.backends.measures import Measure

_SUITE_STATES = ("unknown", "complete", "queued", "aborted", "submitted", "active")


def connect(
    where: Address, *, user: User | None = None, shared: Path | None = None, limits: Limits | None = None
) -> EcflowBackend:
    """Return the backend for an ecflow_server.

    Nothing is sent before the first call. A backend belongs to the event loop of that call: make one per process.

    Args:
        where: Host, port, and how to encrypt.
        user: Whom the server shall take for the sender where a caller is none of its users; this process's user
            otherwise.
        shared: A directory of all workers in front of this server, on this machine, and of nobody else: it is what
            makes a worker's reads show the others' writes without asking the server each time, and keeps structural
            changes apart. Without it every read asks the server.
        limits: How long calls may take and how old answers may be; None for the defaults.

    Raises:
        OSError: The shared directory cannot be used.
    """
    return EcflowServerBackend(where, user or default_user(), shared, limits or Limits())


class EcflowServerBackend:
    """`EcflowBackend` over the server's wire protocol."""

    def __init__(self, where: Address, user: User, shared: Path | None, limits: Limits) -> None:
        barrier: Barrier = SharedBarrier(shared) if shared else OwnBarrier()
        self._client = Client(Transport(where, limits), user, barrier.mark)
        self._mirror = Mirror(Syncing(self._client, limits.exact_values), barrier, limits)
        core = Core(self._client, self._mirror, StructureLock(shared, limits.patience), limits)
        editor = Editor(core)
        self.suites = Suites(core)
        self.nodes = Nodes(core, editor)
        self.status = Status(core)
        self.attributes = Attributes(core, editor)
        self.server = Server(core)
        self.events = Events(self._mirror)

    async def authenticate(self, user: User) -> None:
        """Have the server judge a user and password.

        Raises:
            Unauthenticated: It takes no commands of this user, or not with this password.
        """
        await self._client.ask(commands.control(Control.PING), user)

    async def preserve(self) -> None:
        """Have the server write its checkpoint with every change until it ends: then a crash loses nothing."""
        await self._client.act(commands.checkpoint_always())

    async def ready(self) -> dict[str, object]:
        """Return engine, version, state, host and port of the server.

        Raises:
            Away: The server cannot be reached.
        """
        told = stats.named((await self._client.ask(commands.control(Control.STATS))).data)
        version = str(told["version"]).partition("(")[2].partition(")")[0]
        return {
            "engine": "ecflow_server",
            "version": version,
            "state": told["status"],
            "host": told["host"],
            "port": told["port"],
        }

    @property
    def calls(self) -> Sequence[Calls]:
        """The requests to the server."""
        return [self._client.calls]

    async def measures(self) -> Sequence[Measure]:
        """Count the suites by state: an aborted task makes its suite so. Reading the state of each task would cost."""
        suites = (await self._mirror.current()).definition.suites
        numbers = Counter(suite.run.state for suite in suites)
        return [
            Measure("opsgate_ecflow_suites", "Suites.", numbers[state], {"state": state}) for state in _SUITE_STATES
        ]

    async def aclose(self) -> None:
        """Stop polling and close all connections; calls under way end with `Away`."""
        await self._mirror.aclose()
        await self._client.aclose()
