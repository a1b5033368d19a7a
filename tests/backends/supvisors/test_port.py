"""The engine has what the port names, and the port names what the daemon has."""

import inspect
import re
from typing import Any

import pytest

from opsgate.backends.supvisors import port
from opsgate.backends.supvisors.engine import connect
from opsgate.backends.supvisors.port import SupvisorsBackend

PORTS = [
    ("system", port.SystemPort, 3),
    ("supervisor", port.SupervisorPort, 32),
    ("supvisors", port.SupvisorsPort, 48),
]

# Of the daemon's methods, what the document has no operation for.
OTHER_NAMES = {"getVersion", "readMainLog", "readProcessLog", "tailProcessLog", "clearProcessLog"}
NOT_OFFERED = {"system.multicall", "supvisors.get_logger_levels"} | {f"supervisor.{name}" for name in OTHER_NAMES}

# Methods whose name says less than what they do.
SPLIT = {
    "supvisors.lazy_update_numprocs": "supvisors.update_numprocs",
    "supvisors.end_sync_with_master": "supvisors.end_sync",
    "supvisors.disable_host_statistics": "supvisors.enable_host_statistics",
    "supvisors.disable_process_statistics": "supvisors.enable_process_statistics",
}


def methods(protocol: type) -> dict[str, Any]:
    return {name: method for name, method in inspect.getmembers(protocol, inspect.isfunction) if name[0] != "_"}


@pytest.mark.parametrize(("name", "protocol", "size"), PORTS)
def test_engine_has_the_methods_of_the_port(name: str, protocol: type, size: int) -> None:
    engine = getattr(connect("unix:///nowhere"), name)
    assert len(methods(protocol)) == size
    for method, expected in methods(protocol).items():
        assert inspect.signature(getattr(engine, method)) == inspect.signature(expected.__get__(engine))


@pytest.mark.anyio
async def test_every_method_of_the_daemon_is_offered(backend: SupvisorsBackend) -> None:
    offered = set()
    for name, protocol, _ in PORTS:
        offered |= {SPLIT.get(full := f"{name}.{method}", full) for method in methods(protocol)}
    assert offered == {
        snake_case(method) for method in await backend.system.list_methods() if method not in NOT_OFFERED
    }


def snake_case(method: str) -> str:
    return re.sub("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", method).lower()
