"""The command line: ``opsgate up | serve | check | backup | token | tls``, and one for each API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from opsgate import __version__, check, server, up
from opsgate.backup_command import backup_command
from opsgate.command_line import (
    API,
    BIND,
    CONFIG,
    INSECURE,
    WORKERS,
    common_layer,
    fail,
    guarded,
    load_settings,
    own_address,
)
from opsgate.config import ConfigError, Layer
from opsgate.flux.command import flux_command
from opsgate.redengine.command import redengine_command
from opsgate.tls_command import tls_command
from opsgate.token_command import token_group


@click.group(context_settings={"help_option_names": ["--help"], "max_content_width": 110})
@click.version_option(__version__)
def main() -> None:
    """One REST service in front of Supervisor/Supvisors and other engines that run work."""


main.add_command(backup_command)
main.add_command(flux_command)
main.add_command(tls_command)
main.add_command(token_group)
main.add_command(redengine_command)


@main.command(name="up")
@CONFIG
@click.option("--state-dir", type=click.Path(file_okay=False, path_type=Path), help="Where everything is kept.")
@API
@BIND
@WORKERS
@INSECURE
def up_command(file: Path | None, state_dir: Path | None, **options: Any) -> None:
    """Start everything on this machine: the gateway and a private supervisord that runs it."""
    settings = load_settings(file, common_layer(options))
    guarded(lambda: up.run(settings, state_dir or up.default_state_dir()))


@main.command()
@CONFIG
@API
@BIND
@WORKERS
@INSECURE
def serve(file: Path | None, **options: Any) -> None:
    """Serve the APIs in front of engines that run already."""
    settings = load_settings(file, common_layer(options))
    guarded(lambda: server.run(settings))


@main.command(name="check")
@CONFIG
@API
def check_command(file: Path | None, **options: Any) -> None:
    """Look at specs, handlers and engines: what works, what is missing and how to get it."""
    settings = load_settings(file, common_layer(options))
    raise SystemExit(0 if check.run(settings, click.echo) else 1)


@main.command(name="supvisors")
@CONFIG
@click.option("-u", "--supervisor_url", "url", help="The Supervisor URL, required if not spawned by Supervisor.")
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="The server's IP address.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="The server's port.")
@click.option("-d", "--debug", is_flag=True, help="Log more.")
@WORKERS
@INSECURE
def supvisors_command(file: Path | None, url: str | None, host: str, port: int, debug: bool, **options: Any) -> None:
    """Serve the Supvisors REST API at the root path, as supvisorsflask does."""
    layer = common_layer(options)
    layer.setdefault("server", {})["bind"] = [own_address("supvisors", host, port)]
    layer["apis"] = ["supvisors"]
    if debug:
        layer["server"]["log_level"] = "debug"
    if url:
        layer["supvisors"] = {"url": url}
    settings = load_settings(file, layer)
    if not settings.supvisors.url:
        raise click.UsageError("the following arguments are required: -u/--supervisor_url")
    guarded(lambda: server.run(settings))


@main.command(name="hoplite")
@CONFIG
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="The server's port.")
@click.option("-d", "--debug", is_flag=True, help="Log more.")
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="The server's IP address.")
@click.option("--state-dir", type=click.Path(file_okay=False, path_type=Path), help="Where jobs are kept.")
@WORKERS
@INSECURE
def hoplite_command(
    file: Path | None, port: int, debug: bool, host: str, state_dir: Path | None, **options: Any
) -> None:
    """Serve the Hoplite API at the root path, as hoplite-server does."""
    layer = common_layer(options)
    layer.setdefault("server", {})["bind"] = [own_address("hoplite", host, port)]
    layer["apis"] = ["hoplite"]
    if debug:
        layer["server"]["log_level"] = "debug"
    if state_dir:
        layer["jobs"] = {"state_dir": str(state_dir.absolute())}
    settings = load_settings(file, layer)
    guarded(lambda: server.run(settings))


@main.command(name="ecflow")
@CONFIG
@click.option("-p", "--port", envvar="ECF_RESTAPI_PORT", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("-h", "--host", help="The address to listen on; 0.0.0.0 by default, with --no_ssl 127.0.0.1.")
@click.option("--ecflow_host", help="ecFlow server hostname (ECF_HOST), localhost by default.")
@click.option("--ecflow_port", type=int, help="ecFlow server port (ECF_PORT), 3141 by default.")
@click.option("--polling_interval", type=float, help="Seconds between two looks at the server while nobody asks.")
@click.option("--max_polling_interval", type=float, help="How far that interval drifts; 0 to disable drift.")
@click.option("--tokens_file", help="Where valid tokens (API keys) are found, api-tokens.json by default.")
@click.option(
    "--cert_directory",
    envvar="ECF_RESTAPI_CERT_DIRECTORY",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where server.crt and server.key are found, $HOME/.ecflowrc/ssl by default.",
)
@click.option("--no_ssl", is_flag=True, envvar="ECF_RESTAPI_NOSSL", help="Disable SSL: tokens and passwords in clear.")
@click.option("--http", is_flag=True, help="Use HTTP to contact the ecFlow server: not possible.")
@click.option("-v", "--verbose", is_flag=True, envvar="ECF_RESTAPI_VERBOSE", help="Log more; never bodies.")
@WORKERS
@INSECURE
def ecflow_command(file: Path | None, **options: Any) -> None:
    """Serve the ecFlow REST API at the root path, as ecflow_http does."""
    if options.pop("http"):
        raise click.UsageError("--http: only ecFlow servers without --http can be reached")
    layer = _ecflow_layer(options)
    settings = load_settings(file, layer)
    if not settings.server.certfile:
        click.echo("opsgate: without SSL, passwords and tokens are sent in clear", err=True)
    guarded(lambda: server.run(settings))


def _ecflow_layer(options: dict[str, Any]) -> Layer:
    """The options of ecflow_http in the shape of the configuration file."""
    names = {"ecflow_host": "host", "ecflow_port": "port"}
    settings = ("ecflow_host", "ecflow_port", "polling_interval", "max_polling_interval", "tokens_file")
    chosen = {names.get(name, name): options.pop(name) for name in settings}
    no_ssl, host, port = options.pop("no_ssl"), options.pop("host"), options.pop("port")
    directory, verbose = options.pop("cert_directory"), options.pop("verbose")
    layer = common_layer(options)
    layer["apis"] = ["ecflow"]
    layer["ecflow"] = {name: value for name, value in chosen.items() if value is not None}
    own = layer.setdefault("server", {})
    own["bind"] = [own_address("ecflow", host or ("127.0.0.1" if no_ssl else "0.0.0.0"), port)]  # noqa: S104 - as documented
    own |= {"log_level": "debug"} if verbose else {}
    return layer if no_ssl else {**layer, "server": {**own, **_certificate(directory)}}


def _certificate(directory: Path | None) -> dict[str, str]:
    where = directory or Path.home() / ".ecflowrc" / "ssl"
    files = {"certfile": where / "server.crt", "keyfile": where / "server.key"}
    for file in files.values():
        if not os.access(file, os.R_OK):
            fail(ConfigError(f"{file} cannot be read; SSL needs it (--cert_directory), or say --no_ssl"))
    return {name: str(file) for name, file in files.items()}
