"""Says on the terminal what is reachable where, once it is.

The process that the user started becomes supervisord, so somebody else has to wait for the gateway: a process of its
own, nobody's child, which ends as soon as it has spoken.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from opsgate.addresses import Address
from opsgate.up.state import LOCK_DESCRIPTOR, StateDir

_LIMIT: Final = 60.0  # seconds until we say that it takes too long
_PAUSE: Final = 0.1


def when_ready(addresses: Sequence[Address], apis: Sequence[str], state: StateDir) -> None:
    """Fork the announcer and return at once."""
    supervisord = os.getpid()
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return
    if os.fork():
        os._exit(0)
    os.close(LOCK_DESCRIPTOR)
    try:
        _announce(addresses, apis, state, supervisord)
    finally:
        os._exit(0)


def _announce(addresses: Sequence[Address], apis: Sequence[str], state: StateDir, supervisord: int) -> None:
    end = time.monotonic() + _LIMIT
    while time.monotonic() < end:
        if not Path(f"/proc/{supervisord}").exists():
            return
        if all(_answers(address) for address in addresses):
            print("\n".join(_lines(addresses, apis, state)), flush=True)  # noqa: T201
            return
        time.sleep(_PAUSE)
    print(f"The gateway does not answer yet; see {state.logs}/gateway.log", flush=True)  # noqa: T201


def _lines(addresses: Sequence[Address], apis: Sequence[str], state: StateDir) -> list[str]:
    lines = []
    for address in addresses:
        if address.api:
            lines.append(f"  {address.url}/  {address.api}")
        else:
            lines += [f"  {address.url}/{api}/  {api}" for api in apis]
            lines.append(f"  {address.url}/ui/  explore them; /readyz: are the engines reachable?")
    return [
        "Ready:",
        *lines,
        f"  {state.programs}/*.conf  your own programs, as supervisord sections (then POST supervisor/reloadConfig)",
        f"  {state.logs}/  logs",
    ]


def _answers(address: Address) -> bool:
    """Whether the gateway answers there. It is our own: its certificate need not be looked at."""
    connection = http.client.HTTPConnection("localhost", timeout=1)
    try:
        plain = _connect(address)
        connection.sock = ssl._create_unverified_context().wrap_socket(plain) if address.tls else plain  # noqa: S323
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200  # noqa: PLR2004 - OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connect(address: Address) -> socket.socket:
    if not address.path:
        return socket.create_connection((address.host, address.port), timeout=1)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(1)
    connection.connect(address.path)
    return connection
