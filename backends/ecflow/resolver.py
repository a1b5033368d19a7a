"""Turns the server's host name into numbers, and remembers them: every request has a connection of its own."""

from __future__ import annotations

import asyncio
import socket
import time

from opsgate.backends.ecflow.address import Address

_FRESH = 30.0  # seconds that a name service may take to be noticed


class Resolver:
    """The numbers of one host."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._hosts: list[str] = []
        self._until = 0.0

    async def hosts(self) -> list[str]:
        """Return the host's numeric addresses, the one that worked last first; raise OSError when there are none."""
        if not self._hosts or time.monotonic() > self._until:
            await self._look_up()
        return list(self._hosts)

    def worked(self, host: str) -> None:
        """Remember that a connection to `host` came about."""
        if self._hosts and self._hosts[0] != host and host in self._hosts:
            self._hosts.remove(host)
            self._hosts.insert(0, host)

    def failed(self) -> None:
        """Look the name up again next time."""
        self._until = 0.0

    async def _look_up(self) -> None:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._address.host, self._address.port, type=socket.SOCK_STREAM)
        self._hosts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        self._until = time.monotonic() + _FRESH
