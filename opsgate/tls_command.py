"""``opsgate tls``: a certificate of one's own, and its key, to try HTTPS with.

The openssl command makes it: it is where Python's own TLS is nearly everywhere, and a library for this one page of code
would be larger than all the rest that is installed.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from opsgate.command_line import guarded
from opsgate.config import ConfigError

CERTIFICATE: Final = "server.crt"
KEY: Final = "server.key"
_ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
_NAME: Final = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?")
_CONFIGURATION: Final = """\
[req]
prompt = no
distinguished_name = who
x509_extensions = what
[who]
CN = opsgate
[what]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = {names}
"""
"""Ours instead of the system's, whose certificates could sign others: whoever trusts this one trusts nothing else."""


@click.command(name="tls")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path), default=Path())
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="A further name or address. May be repeated.")
@click.option("--days", type=click.IntRange(1, 3650), default=365, show_default=True, help="How long it is valid.")
def tls_command(directory: Path, hosts: tuple[str, ...], days: int) -> None:
    """Make server.crt and server.key in DIRECTORY: a certificate to try HTTPS with, signed by itself.

    It is good for localhost and this machine's name; clients must be told to trust it (curl --cacert server.crt).
    """

    def make() -> None:
        create(directory, [*_ALWAYS, socket.gethostname(), *hosts], days)
        certificate, key = directory.absolute() / CERTIFICATE, directory.absolute() / KEY
        click.echo(f'[server]\ncertfile = "{certificate}"\nkeyfile = "{key}"')

    guarded(make)


def create(directory: Path, hosts: Iterable[str], days: int) -> None:
    """Make a certificate and its key in a directory, which is made where it is missing.

    Raises:
        ConfigError: A host that is none; a file that is there already; no openssl, or one that fails.
        OSError: The directory cannot be written.
    """
    names = ", ".join(dict.fromkeys(_alternative(host) for host in hosts))
    for file in (directory / CERTIFICATE, directory / KEY):
        if file.exists():
            raise ConfigError(f"{file} is there already; take it away first if another one is wanted")
    program = shutil.which("openssl")
    if program is None:
        raise ConfigError("there is no openssl command, which makes certificates: sudo apt-get install openssl")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as place:  # nobody else looks into it
        _run(program, Path(place), names, days)
        (Path(place) / KEY).chmod(0o600)
        for name in (KEY, CERTIFICATE):
            os.link(Path(place) / name, directory / name)  # fails where somebody was quicker


def _run(program: str, place: Path, names: str, days: int) -> None:
    (place / "openssl.cnf").write_text(_CONFIGURATION.format(names=names), encoding="ascii")
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256", "-days", str(days)]
    files = ["-config", "openssl.cnf", "-keyout", KEY, "-out", CERTIFICATE]
    done = subprocess.run(  # noqa: S603 - no shell; names were looked at
        [program, "req", *kind, *files], cwd=place, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConfigError(f"openssl made no certificate: {done.stderr.strip() or done.returncode}")


def _alternative(host: str) -> str:
    """A host as a certificate names it: ``DNS:name`` or ``IP:address``."""
    try:
        return f"IP:{ipaddress.ip_address(host)}"
    except ValueError:
        if _NAME.fullmatch(host) is None:
            raise ConfigError(f"--host: {host!r} is neither a host name nor an IP address") from None
        return f"DNS:{host}"
