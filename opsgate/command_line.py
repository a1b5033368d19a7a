"""What the commands of the command line share: options, settings, failures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import click

from opsgate import config
from opsgate.apis import APIS
from opsgate.binding import BindingError
from opsgate.config import ConfigError, Layer
from opsgate.settings import Settings
from opsgate.spec import SpecError
from opsgate.tokens import TokenError

CONFIG = click.option(
    "--config", "-c", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A TOML file."
)
API = click.option(
    "--api", "apis", multiple=True, type=click.Choice(list(APIS)), help="Serve only this one. May be repeated."
)
BIND = click.option(
    "--bind",
    multiple=True,
    metavar="[API=]HOST:PORT",
    help="Listen here; with API= that API is at the root path. May be repeated. Also [API=]unix:/path.",
)
WORKERS = click.option("--workers", type=int, help="Worker processes.")
INSECURE = click.option(
    "--insecure", is_flag=True, default=None, help="Listen beyond this machine without asking for credentials."
)


def own_address(api: str, host: str, port: int) -> str:
    """The text of an address of one API's own."""
    return f"{api}=[{host}]:{port}" if ":" in host else f"{api}={host}:{port}"


def common_layer(options: dict[str, Any]) -> Layer:
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


def load_settings(file: Path | None, layer: Layer) -> Settings:
    """File, environment and options put together; a wrong setting ends the command with a sentence."""
    try:
        return config.load(file, os.environ, layer)
    except ConfigError as exc:
        fail(exc)


def guarded(action: Callable[[], None]) -> None:
    """Call `action`; what people can mend ends the command with a sentence."""
    try:
        action()
    except (ConfigError, SpecError, BindingError, TokenError, OSError) as exc:
        fail(exc)


def fail(exc: Exception) -> NoReturn:
    """End the command with what is wrong."""
    click.echo(f"opsgate: {exc}", err=True)
    raise SystemExit(2)
