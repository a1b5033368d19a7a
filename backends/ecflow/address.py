"""Where an ecflow_server listens."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

_PORTS = range(1, 65536)


@dataclass(frozen=True)
class Address:
    """A host and a port, and how to encrypt what goes there.

    Attributes:
        host: Name or number.
        port: The server's ECF_PORT.
        tls: The context for a server with ECF_SSL, `None` for one without.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("the host of ecflow_server is empty")
        if self.port not in _PORTS:
            raise ValueError(f"{self.port} is no port for ecflow_server")

    @property
    def label(self) -> str:
        """What people call it: `host:port`."""
        return f"{self.host}:{self.port}"
