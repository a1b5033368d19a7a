"""`NodesPort` and `ServicePort` over Flux."""

from __future__ import annotations

from typing import Any, Final

from opsgate.backends.flux.broker.ancestry import ancestors
from opsgate.backends.flux.broker.bindings import load
from opsgate.backends.flux.broker.connection import Connection
from opsgate.backends.flux.port import Resources

_QUIET: Final = -1


class Machines:
    """The nodes of an instance, and the instance as a whole.

    Args:
        connection: Leads to it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def nodes(self) -> list[str]:
        """See `NodesPort`."""
        return sorted(set((await self._up()).nodelist))

    async def resources(self) -> Resources:
        """See `NodesPort`."""
        up = await self._up()
        return Resources(nodes=up.nnodes, cores=up.ncores, gpus=up.ngpus)

    async def stop(self) -> None:
        """See `ServicePort`. An instance that was started for this service ends with it; another one is shut down."""
        if await self.is_ours():
            return
        await self._connection.ask(
            "shutdown.start",
            lambda handle, _: handle.rpc("shutdown.start", {"loglevel": _QUIET}),
            lambda pending: pending.get(),
            doing="Flux cannot be shut down",
            again=False,
        )

    async def is_ours(self) -> bool:
        """Whether this service is what the instance was started to run: `flux start opsgate flux`."""
        await self._up()
        instance = self._connection.instance
        return instance is not None and instance.broker in ancestors()

    async def _up(self) -> Any:
        return await self._connection.ask(
            "resource.sched-status",
            lambda handle, _: handle.rpc("resource.sched-status", None, 0),
            lambda pending: load().resources(pending.get()).up,
            doing="The resources of Flux cannot be read",
        )
