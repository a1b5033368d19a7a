"""``opsgate backup``: a copy of the state of a service that runs."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import click

from opsgate import backup, job_engine
from opsgate.command_line import CONFIG, fail, guarded, load_settings
from opsgate.config import ConfigError
from opsgate.redengine import chosen


@click.command(name="backup")
@CONFIG
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="That of `opsgate up` or `opsgate redengine`; without, the directories that the settings name.",
)
@click.argument("target", type=click.Path(path_type=Path))
def backup_command(file: Path | None, state_dir: Path | None, target: Path) -> None:
    """Copy jobs, tasks and their output to TARGET while the service runs.

    The copy is a state directory itself: `opsgate up --state-dir TARGET` runs it.
    """
    if state_dir is not None:
        sources = backup.of_up(state_dir.absolute())
    else:
        settings = load_settings(file, {})
        sources = backup.of_serve(chosen.state_dir(settings), job_engine.state_dir(settings))

    def make() -> None:
        try:
            unread = backup.make(sources, target.absolute())
        except sqlite3.Error as exc:
            raise ConfigError(f"a store cannot be copied: {exc}") from exc
        if unread:
            fail(ConfigError("\n  ".join([f"{target} lacks what could not be read:", *unread])))
        click.echo(target.absolute())

    guarded(make)
