"""The command line: ``opsgate up | serve | check | supvisors | hoplite``."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from opsgate import __version__, check, config, server, up
from opsgate.apis import APIS
from opsgate.binding import BindingError
from opsgate.config import ConfigError, Layer, Settings
from opsgate.spec import SpecError

Command = Callable[..., None]

_CONFIG = click.option(
    "--config", "-c", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A TOML file."
)
_API = click.option(
    "--api", "apis", multiple=True, type=click.Choice(list(APIS)), help="Serve only this one. May be repeated."
)
_BIND = click.option(
    "--bind",
    multiple=True,
    metavar="[API=]HOST:PORT",
    help="Listen here; with API= that API is at the root path. May be repeated. Also [API=]unix:/path.",
)
_WORKERS = click.option("--workers", type=int, help="Worker processes.")
_INSECURE = click.option(
    "--insecure", is_flag=True, default=None, help="Listen beyond this machine without asking for credentials."
)


@click.group(context_settings={"help_option_names": ["--help"], "max_content_width": 110})
@click.version_option(__version__)
def main() -> None:
    """One REST service in front of Supervisor/Supvisors and other engines that run work."""


@main.command(name="up")
@_CONFIG
@click.option("--state-dir", type=click.Path(file_okay=False, path_type=Path), help="Where everything is kept.")
@_API
@_BIND
@_WORKERS
@_INSECURE
def up_command(file: Path | None, state_dir: Path | None, **options: Any) -> None:
    """Start everything on this machine: the gateway and a private supervisord that runs it."""
    settings = _settings(file, _layer(options))
    _guarded(lambda: up.run(settings, state_dir or up.default_state_dir()))


@main.command()
@_CONFIG
@_API
@_BIND
@_WORKERS
@_INSECURE
def serve(file: Path | None, **options: Any) -> None:
    """Serve the APIs in front of engines that run already."""
    settings = _settings(file, _layer(options))
    _guarded(lambda: server.run(settings))


@main.command(name="check")
@_CONFIG
@_API
def check_command(file: Path | None, **options: Any) -> None:
    """Look at specs, handlers and engines: what works, what is missing and how to get it."""
    settings = _settings(file, _layer(options))
    raise SystemExit(0 if check.run(settings, click.echo) else 1)


@main.command(name="supvisors")
@_CONFIG
@click.option("-u", "--supervisor_url", "url", help="The Supervisor URL, required if not spawned by Supervisor.")
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="The server's IP address.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="The server's port.")
@click.option("-d", "--debug", is_flag=True, help="Log more.")
@_WORKERS
@_INSECURE
def supvisors_command(file: Path | None, url: str | None, host: str, port: int, debug: bool, **options: Any) -> None:
    """Serve the Supvisors REST API at the root path, as supvisorsflask does."""
    layer = _layer(options)
    layer.setdefault("server", {})["bind"] = [_own_address("supvisors", host, port)]
    layer["apis"] = ["supvisors"]
    if debug:
        layer["server"]["log_level"] = "debug"
    if url:
        layer["supvisors"] = {"url": url}
    settings = _settings(file, layer)
    if not settings.supvisors.url:
        raise click.UsageError("the following arguments are required: -u/--supervisor_url")
    _guarded(lambda: server.run(settings))


@main.command(name="hoplite")
@_CONFIG
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="The server's port.")
@click.option("-d", "--debug", is_flag=True, help="Log more.")
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="The server's IP address.")
@click.option("--state-dir", type=click.Path(file_okay=False, path_type=Path), help="Where jobs are kept.")
@_WORKERS
@_INSECURE
def hoplite_command(
    file: Path | None, port: int, debug: bool, host: str, state_dir: Path | None, **options: Any
) -> None:
    """Serve the Hoplite API at the root path, as hoplite-server does."""
    layer = _layer(options)
    layer.setdefault("server", {})["bind"] = [_own_address("hoplite", host, port)]
    layer["apis"] = ["hoplite"]
    if debug:
        layer["server"]["log_level"] = "debug"
    if state_dir:
        layer["jobs"] = {"state_dir": str(state_dir.absolute())}
    settings = _settings(file, layer)
    _guarded(lambda: server.run(settings))


def _own_address(api: str, host: str, port: int) -> str:
    return f"{api}=[{host}]:{port}" if ":" in host else f"{api}={host}:{port}"


def _layer(options: dict[str, Any]) -> Layer:
    """The common options in the shape of the configuration file, those that were not given left out."""
    layer: Layer = {}
    for name, value in options.items():
        if value is None or value == ():
            continue
        given = list(value) if isinstance(value, tuple) else value
        if name == "apis":
            layer["apis"] = given
        else:
            layer.setdefault("server", {})[name] = given
    return layer


def _settings(file: Path | None, layer: Layer) -> Settings:
    try:
        return config.load(file, os.environ, layer)
    except ConfigError as exc:
        _fail(exc)


def _guarded(action: Callable[[], None]) -> None:
    try:
        action()
    except (ConfigError, SpecError, BindingError) as exc:
        _fail(exc)


def _fail(exc: Exception) -> NoReturn:
    click.echo(f"opsgate: {exc}", err=True)
    raise SystemExit(2)
