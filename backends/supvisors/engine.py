"""A supervisord as the backend of the Supvisors API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from opsgate.backends.calls import Calls
from opsgate.backends.errors import EngineError, Unavailable, Unsupported
from opsgate.backends.measures import Measure
from opsgate.backends.supvisors import address
from opsgate.backends.supvisors.client import Client
from opsgate.backends.supvisors.faults import SECONDS_TO_OPERATION
from opsgate.backends.supvisors.limits import Limits
from opsgate.backends.supvisors.port import SupvisorsBackend
from opsgate.backends.supvisors.supervisor import Supervisor
from opsgate.backends.supvisors.supvisors import Supvisors
from opsgate.backends.supvisors.system import System

_WORKING = frozenset({"OPERATION", "CONCILIATION"})
_PROCESS_STATES = ("STOPPED", "STARTING", "RUNNING", "BACKOFF", "STOPPING", "EXITED", "FATAL", "UNKNOWN")


def connect(
    url: str, *, username: str | None = None, password: str | None = None, limits: Limits | None = None
) -> SupvisorsBackend:
    """Return the backend for the supervisord at `url`.

    Nothing is sent before the first call. A backend belongs to the event loop of that call: make one per process.

    Args:
        url: `http://host:port`, `http://user:password@host:port` (percent-encoded), or `unix:///path/to/socket`.
        username: Used where the URL holds no user.
        password: Belongs to `username`.
        limits: How long calls may take, and how many there may be; None for the defaults.

    Raises:
        ValueError: The URL or the user name cannot be used; the text never repeats credentials.
    """
    return SupervisordBackend(address.parse(url, username, password), limits or Limits())


class SupervisordBackend:
    """`SupvisorsBackend` over XML-RPC."""

    def __init__(self, where: address.Address, limits: Limits) -> None:
        self._client = Client(where, limits)
        self.system = System(self._client)
        self.supervisor = Supervisor(self._client)
        self.supvisors = Supvisors(self._client, limits)

    async def ready(self) -> dict[str, object]:
        """Return engine, version, identifier, state, and version and state of Supvisors, None where it is not loaded.

        Raises:
            Unavailable: The daemon is away, or Supvisors is in no state to work.
        """
        version, identifier, state, plugin_version, plugin_state = await self._client.batch(
            ("supervisor.getSupervisorVersion",),
            ("supervisor.getIdentification",),
            ("supervisor.getState",),
            ("supvisors.get_api_version",),
            ("supvisors.get_supvisors_state",),
        )
        return {
            "engine": "supervisord",
            "version": _result(version),
            "identifier": _result(identifier),
            "state": _result(state)["statename"],
            "supvisors": _plugin(plugin_version, plugin_state),
        }

    @property
    def calls(self) -> Sequence[Calls]:
        """The calls to the daemon."""
        return [self._client.calls]

    async def measures(self) -> Sequence[Measure]:
        """Count the processes of this daemon by state."""
        told = await self.supervisor.get_all_process_info()
        numbers = Counter(str(process["statename"]) for process in told)
        return [
            Measure("opsgate_supvisors_processes", "Processes of this supervisord.", numbers[state], {"state": state})
            for state in _PROCESS_STATES
        ]

    async def aclose(self) -> None:
        """Close all connections; calls under way end with `Unavailable`."""
        await self._client.aclose()


def _result(answer: Any) -> Any:
    if isinstance(answer, EngineError):
        raise answer
    return answer


def _plugin(version: Any, state: Any) -> dict[str, str] | None:
    if isinstance(version, Unsupported):
        return None
    name = _result(state)["fsm_statename"]
    if name not in _WORKING:
        raise Unavailable(f"Supvisors is in state {name}", retry_after=SECONDS_TO_OPERATION)
    return {"version": _result(version), "state": name}
