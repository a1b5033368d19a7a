"""Which ``Host`` and ``Origin`` headers are ours.

Without this check any web page could drive the engines of whoever visits it: by a form posted to 127.0.0.1 (its
``Origin`` is foreign) or by a name of its own that resolves to 127.0.0.1 (its ``Host`` is foreign).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound


class HostRule:
    """Accepts loopback names, the hosts that are listened on, and those the configuration names.

    A listener on every interface can't know all its addresses: there any literal IP address is accepted (rebinding
    needs a name) and the machine's own names.
    """

    def __init__(self, listening: Collection[str], hosts: Collection[str] = (), origins: Collection[str] = ()) -> None:
        """Make the rule.

        Args:
            listening: Hosts of the bound addresses; ``""`` or a wildcard address for every interface.
            hosts: Further host names (without port) that clients may use.
            origins: Origins (``https://name:port``) of other sites whose pages may call us.
        """
        self._any_address = bool(_ANY & set(listening))
        own = {socket.gethostname(), socket.getfqdn()} if self._any_address else set()
        self._hosts = {name.lower() for name in {*_LOOPBACK, *listening, *hosts, *own} - _ANY}
        self._origins = {origin.lower().rstrip("/") for origin in origins}
        self._accepted: set[bytes] = set()

    def refuses(self, headers: Mapping[bytes, bytes]) -> str | None:
        """Why a request with these headers (lower-case names) is refused, or ``None``.

        A request without ``Host`` (HTTP/1.0) cannot come from a browser and passes.
        """
        host = headers.get(b"host")
        if host and host not in self._accepted:
            if not self._is_ours(host):
                return f"Host {host.decode('latin-1')!r} is not served here; [server] hosts lists further names"
            if len(self._accepted) < 1000:  # noqa: PLR2004 - ports vary with the client's tunnel; keep it bounded
                self._accepted.add(host)
        origin = headers.get(b"origin")
        if origin is not None and not self._is_same(origin, host):
            return f"Requests from pages of {origin.decode('latin-1')!r} are not accepted"
        return None

    def _is_ours(self, header: bytes) -> bool:
        try:
            name = urlsplit(f"//{header.decode('ascii')}").hostname or ""
        except ValueError:
            return False
        return name in self._hosts or (self._any_address and _is_address(name))

    def _is_same(self, origin: bytes, host: bytes | None) -> bool:
        """Whether `origin` is the site the request was sent to, or one that is allowed."""
        text = origin.decode("latin-1").lower()
        site = text.partition("://")[2].encode()
        return (host is not None and bool(site) and site == host.lower()) or text in self._origins


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
