"""Loads Supvisors into a private supervisord that listens on loopback only.

    [inet_http_server]
    port = 127.0.0.1:21144

    [rpcinterface:supvisors]
    supervisor.rpcinterface_factory = opsgate.backends.supvisors.plugin:make
    supvisors_list = 127.0.0.1

Supvisors needs an inet server to talk to itself and to others, and wants to find its own host in supvisors_list. For
that it looks at all network interfaces but loopback. In a container, offline, or where the host's name means 127.0.0.1
it does not find itself, and supervisord ends. Here loopback is the only interface, so that it does find itself, and
whoever listens anywhere else is refused.

This module runs inside supervisord: it imports nothing of the gateway.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from supvisors.internal_com import mapper
from supvisors.plugin import make_supvisors_rpcinterface

_LOOPBACK = "127.0.0.1"


def make(supervisord: Any, **config: str) -> Any:
    """Return Supvisors' RPC interface, as supervisord expects it of a factory.

    Args:
        supervisord: The daemon.
        config: The options of the section; `supvisors_list` is this one daemon if left out.

    Raises:
        ValueError: An inet server of this daemon listens beyond loopback. supervisord writes this down and ends.
    """
    for server in supervisord.options.server_configs:
        if server["family"] == socket.AF_INET and not _is_loopback(server["host"]):
            raise ValueError(f"inet_http_server listens on {server['host'] or 'all interfaces'}, not on {_LOOPBACK}")
    mapper.get_network_info = _loopback_only
    config.setdefault("supvisors_list", _LOOPBACK)
    return make_supvisors_rpcinterface(supervisord, **config)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _loopback_only() -> Iterator[Any]:
    yield mapper.NicInformation("lo", _LOOPBACK, "255.0.0.0")
