"""Where a supervisord listens, and what it takes to be let in."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

_PATH = "/RPC2"


@dataclass(frozen=True)
class Address:
    """A unix socket, or a host and port.

    Attributes:
        label: The URL without credentials: the only form of it that may be shown.
        socket_path: Path of the unix socket, empty for TCP.
        host: Host name in ASCII, or address; empty for a unix socket.
        port: TCP port, 0 for a unix socket.
        authorization: Value of the Authorization header, empty without credentials.
    """

    label: str
    socket_path: str = ""
    host: str = ""
    port: int = 0
    authorization: bytes = field(default=b"", repr=False)


def parse(url: str, username: str | None = None, password: str | None = None) -> Address:
    """Read an address as Supervisor writes it.

    Args:
        url: `http://host:port`, `http://user:password@host:port` (percent-encoded), or `unix:///path/to/socket`.
        username: Used where the URL holds no user.
        password: Belongs to `username`.

    Returns:
        The address, with the credentials ready for use.

    Raises:
        ValueError: The URL is none of these; the text never repeats credentials.
    """
    if url.startswith("unix://"):
        return _unix(url, username, password)
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path.rstrip("/") not in {"", _PATH}:
        raise ValueError(f"{_shown(parts)!r} is not http://host:port or unix:///path")
    host = parts.hostname.encode("idna").decode()
    port = parts.port or 80
    if parts.username is not None:
        username, password = unquote(parts.username), unquote(parts.password or "")
    return Address(
        label=f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}",
        host=host,
        port=port,
        authorization=_authorization(username, password),
    )


def _unix(url: str, username: str | None, password: str | None) -> Address:
    path = url.removeprefix("unix://")
    if not path.startswith("/"):
        raise ValueError("a unix:// URL needs an absolute path: unix:///path/to/socket")
    return Address(label=url, socket_path=path, authorization=_authorization(username, password))


def _shown(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _authorization(username: str | None, password: str | None) -> bytes:
    if not username:
        return b""
    if ":" in username:
        raise ValueError("a user name cannot hold a colon: HTTP's basic authentication ends it there")
    return b"Basic " + b64encode(f"{username}:{password or ''}".encode())
