import socket
import subprocess
import sys

import pytest

from opsgate.backends.supvisors import plugin


class Daemon:
    """What the factory looks at of a supervisord that listens on a host."""

    def __init__(self, *hosts: str) -> None:
        self.options = self
        self.identifier = "supv-01"
        self.server_configs = [{"family": socket.AF_UNIX, "file": "/s"}] + [
            {"family": socket.AF_INET, "host": host, "port": 21144} for host in hosts
        ]


class TestMake:
    @pytest.mark.parametrize("host", ["", "0.0.0.0", "192.168.0.1", "127.example"])
    def test_refuses_who_listens_beyond_loopback(self, host: str) -> None:
        with pytest.raises(ValueError, match=f"listens on {host or 'all interfaces'}, not on 127.0.0.1"):
            plugin.make(Daemon("127.0.0.1", host))

    def test_loads_nothing_of_the_gateway(self) -> None:
        program = (
            "import sys, opsgate.backends.supvisors.plugin;"
            "print(sorted(name for name in sys.modules if name.startswith(('opsgate', 'connexion', 'httptools'))))"
        )
        loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert loaded.strip() == str(
            ["opsgate", "opsgate.backends", "opsgate.backends.supvisors", "opsgate.backends.supvisors.plugin"]
        )
