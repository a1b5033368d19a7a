"""What is looked at before anything listens: addresses that are free, files that can be used."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from opsgate import inherited, tokens
from opsgate.addresses import Address
from opsgate.config import ConfigError
from opsgate.records import Records
from opsgate.settings import Server, Settings
from opsgate.tokens import TokenError


def check(settings: Settings) -> None:
    """Refuse settings that only this machine can tell to be wrong.

    Raises:
        ConfigError: Naming the setting and the system's reason.
    """
    check_free(settings.addresses)
    _check_writable(settings.server)
    if settings.server.tokens_file:
        _check_tokens(settings.server.tokens_file)
    if settings.server.certfile or settings.server.keyfile:
        _check_certificate(settings.server)


def check_free(addresses: list[Address]) -> None:
    """Refuse a TCP address that cannot be bound: gunicorn would try again five times, a second apart.

    Raises:
        ConfigError: Naming the address and the system's reason.
    """
    for address in addresses:
        if address.path or inherited.has_sockets():
            continue
        try:
            family, kind, protocol, _, target = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[
                0
            ]
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(target)
        except OSError as exc:
            raise ConfigError(f"server.bind: {address.bind}: {exc.strerror or exc}") from exc


def _check_writable(server: Server) -> None:
    try:
        Records(server.access_log, server.audit_log).try_out()
    except OSError as exc:
        raise ConfigError(f"server.access_log, server.audit_log: {exc.filename}: {exc.strerror}") from exc


def _check_certificate(server: Server) -> None:
    """Refuse files that TLS cannot use: workers would find out, end, and be started again without end."""
    for name, file in (("certfile", server.certfile), ("keyfile", server.keyfile)):
        if not file:
            raise ConfigError(f"server.{name}: not set, but TLS needs both certfile and keyfile")
        try:
            with Path(file).open("rb"):
                pass
        except OSError as exc:
            raise ConfigError(f"server.{name}: {file!r} cannot be read: {exc.strerror}") from exc
    try:
        # An empty password, or a key that has one would be asked for on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(server.certfile, server.keyfile, lambda: "")
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "reason", None) or str(exc)
        raise ConfigError(
            f"server.certfile, server.keyfile: {server.certfile} and {server.keyfile} are no certificate and its key, "
            f"without a password: {reason}"
        ) from exc


def _check_tokens(file: str) -> None:
    """Refuse a file without which nobody could do anything."""
    try:
        tokens.read(Path(file))
    except FileNotFoundError as exc:
        raise ConfigError(f"server.tokens_file: there is no {file}; `opsgate token add` makes it") from exc
    except (OSError, TokenError) as exc:
        raise ConfigError(f"server.tokens_file: {exc}") from exc
