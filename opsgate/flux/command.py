"""``opsgate flux``: the Flux API at the root path, with the options and variables that its document names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from opsgate import server
from opsgate.command_line import CONFIG, INSECURE, common_layer, guarded, load_settings, own_address
from opsgate.config import Layer
from opsgate.flux.credentials import MISSING
from opsgate.settings import Flux

_STARS: Final = "*" * 8


@click.command(name="flux")
@CONFIG
@click.option("-h", "--host", envvar="HOST", default="127.0.0.1", show_default=True, help="The address. [HOST]")
@click.option(
    "-p",
    "--port",
    envvar="PORT",
    type=click.IntRange(0, 65535),
    default=5000,
    show_default=True,
    help="The port. [PORT]",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "flux", "local"]),
    help="What runs the jobs: a Flux instance, this machine, or by itself whatever is there.",
)
@click.option("--uri", help="The Flux instance. [FLUX_URI]")
@click.option("--state-dir", type=click.Path(file_okay=False, path_type=Path), help="Where local jobs are kept.")
@click.option("--workers", envvar="WORKERS", type=int, help="Worker processes. [WORKERS]")
@click.option("-d", "--debug", is_flag=True, help="Log more.")
@INSECURE
def flux_command(file: Path | None, **options: Any) -> None:
    """Serve the Flux RESTful API at the root path.

    Who may use it is told by FLUX_USER and FLUX_TOKEN, and by FLUX_USER_AUTH or FLUX_REQUIRE_AUTH that they are asked
    for it; FLUX_SECRET_KEY signs access tokens.
    """
    settings = load_settings(file, _layer(options))
    for line in _about(settings.flux):
        click.echo(line)
    guarded(lambda: server.run(settings))


def _layer(options: dict[str, Any]) -> Layer:
    host, port, debug, state_dir = (options.pop(name) for name in ("host", "port", "debug", "state_dir"))
    chosen = {name: value for name in ("engine", "uri") if (value := options.pop(name))}
    layer = common_layer(options)
    own = layer.setdefault("server", {})
    own["bind"] = [own_address("flux", host, port)]
    own |= {"log_level": "debug"} if debug else {}
    layer |= {"apis": ["flux"], "flux": chosen}
    return {**layer, "jobs": {"state_dir": str(state_dir.absolute())}} if state_dir else layer


def _about(flux: Flux) -> list[str]:
    """Who gets in, as the original says it; no secret, not even how long it is."""
    user, token = (_STARS if text else "unset" for text in (flux.user, flux.token))
    lines = [f"Require auth: {flux.auth}", f"   Flux user: {user}", f"  Flux token: {token}"]
    if flux.auth and "unset" in (user, token):
        lines.append(f"{MISSING}: every request will be refused")
    return lines
