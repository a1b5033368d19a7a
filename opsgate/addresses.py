"""Addresses to listen on: ``HOST:PORT``, ``[V6]:PORT``, ``unix:/path``, each optionally for one API (``API=…``)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit


class AddressError(ValueError):
    """A text that is no address to listen on."""


@dataclass(frozen=True)
class Address:
    """One address to listen on.

    Attributes:
        api: The API that is at the root path here; ``None`` for the address where each is below its prefix.
        host: Host name or IP address, ``""`` for a socket file.
        port: TCP port, 0 for a socket file.
        path: The socket file, ``""`` for TCP.
        tls: Whether it is HTTPS there.
    """

    api: str | None
    host: str = ""
    port: int = 0
    path: str = ""
    tls: bool = False

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.path or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def loopback(self) -> Address:
        """Where a process of this machine reaches it."""
        own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared with, not bound
        return replace(self, host=own)

    @property
    def bind(self) -> str:
        """The address as gunicorn wants it."""
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The address as a user can open it."""
        return self.bind if self.path else f"{'https' if self.tls else 'http'}://{self.bind}"


def parse(text: str) -> Address:
    """Read an address.

    Raises:
        AddressError: `text` is not of one of the three forms.
    """
    api, separator, rest = text.partition("=")
    if not separator:
        api, rest = "", text
    if rest.startswith("unix:"):
        path = rest.removeprefix("unix:")
        if not path.startswith("/"):
            raise AddressError(f"{text!r}: a socket file needs an absolute path")
        return Address(api or None, path=path)
    try:
        parts = urlsplit(f"//{rest}")
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise AddressError(f"{text!r}: {exc}") from exc
    if not host or port is None or parts.path or "@" in rest:
        raise AddressError(f"{text!r} is not [API=]HOST:PORT or [API=]unix:/path")
    return Address(api or None, host, port)
