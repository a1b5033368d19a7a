"""Loads Supvisors into a private supervisord that listens on loopback only.

    [inet_http_server]
    port = 127.0.0.1:21144

    [rpcinterface:supvisors]
    supervisor.rpcinterface_factory = opsgate.backends.supvisors.plugin:make

Supvisors needs an inet server to talk to itself and to others, and wants to find its own host in supvisors_list. For
that it looks at all network interfaces but loopback. In a container, offline, or where the host's name means 127.0.0.1
it does not find itself, and supervisord ends. Here loopback is the only interface, so that it does find itself, and
whoever listens anywhere else is refused.

This module runs inside supervisord: it imports nothing of the gateway.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

from supvisors.internal_com import mapper
from supvisors.plugin import make_supvisors_rpcinterface

_LOOPBACK = "127.0.0.1"
_IS_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}")


def make(supervisord: Any, **config: str) -> Any:
    """Return Supvisors' RPC interface, as supervisord expects it of a factory.

    Args:
        supervisord: The daemon.
        config: The options of the section. Without `supvisors_list` the daemon is on its own.

    Raises:
        ValueError: An inet server of this daemon listens beyond loopback. supervisord writes this down and ends.
    """
    options = supervisord.options
    for server in options.server_configs:
        if server["family"] == socket.AF_INET:
            _check(server["host"])
            # With its name here: Supvisors finds no instance by a name that it adds by itself.
            config.setdefault("supvisors_list", f"<{options.identifier}>{_LOOPBACK}:{server['port']}")
    mapper.get_network_info = _loopback_only
    return make_supvisors_rpcinterface(supervisord, **config)


def _check(host: str) -> None:
    if not _IS_LOOPBACK.fullmatch(host):
        raise ValueError(f"inet_http_server listens on {host or 'all interfaces'}, not on {_LOOPBACK}")


def _loopback_only() -> Iterator[Any]:
    yield mapper.NicInformation("lo", _LOOPBACK, "255.0.0.0")
