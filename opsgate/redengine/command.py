"""``opsgate redengine``: in place of Red Engine's FlaskAPI task, with the session itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from opsgate import preflight, server
from opsgate.command_line import (
    CONFIG,
    INSECURE,
    WORKERS,
    common_layer,
    guarded,
    load_settings,
    own_address,
)
from opsgate.redengine.beside import Scheduler
from opsgate.settings import Settings


@click.command(name="redengine")
@CONFIG
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="The server's IP address.")
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="The server's port.")
@click.option("-d", "--debug", is_flag=True, help="Log more.")
@click.option(
    "--state-dir", type=click.Path(file_okay=False, path_type=Path), help="Where tasks, log and runs are kept."
)
@click.option("--session", metavar="MODULE:OBJECT", help="Run this rocketry session instead of one of ours.")
@click.option("--adopt", metavar="MODULE:OBJECT", help="Take over the tasks of this session of yours.")
@WORKERS
@INSECURE
def redengine_command(file: Path | None, host: str, port: int, **options: Any) -> None:
    """Serve the Red Engine API at the root path, and run its tasks."""
    own = {name: value for name in ("state_dir", "session", "adopt") if (value := options.pop(name))}
    debug = options.pop("debug")
    layer = common_layer(options)
    layer.setdefault("server", {})["bind"] = [own_address("redengine", host, port)]
    layer["apis"] = ["redengine"]
    if debug:
        layer["server"]["log_level"] = "debug"
    if "state_dir" in own:
        own["state_dir"] = str(own["state_dir"].absolute())
        layer["jobs"] = {"state_dir": f"{own['state_dir']}/jobs"}
    settings = load_settings(file, {**layer, "redengine": own})
    guarded(lambda: run(settings))


def run(settings: Settings) -> None:
    """Serve until told to stop, the scheduler beside; does not return normally.

    Raises:
        ConfigError: See `opsgate.server.run`.
    """
    preflight.check_free(settings.addresses)
    with Scheduler(settings):
        server.run(settings)
