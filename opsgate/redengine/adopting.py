"""Takes over the tasks of the user's own session, before the scheduler begins.

What the code says counts until somebody says something else over HTTP, and again once the code has changed: only tasks
that are not as they were at the last start are taken over, those that are gone from the code are removed.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from opsgate import job_engine
from opsgate.backends.errors import EngineError, NotFound
from opsgate.backends.redengine.backend import RedengineBackend
from opsgate.config import ConfigError
from opsgate.redengine import chosen
from opsgate.settings import Settings

Session = dict[str, Any]
"""What ``POST /import`` takes."""

_READER: Final = Path(__file__).with_name("users_session.py")
_SECONDS: Final = 120.0


async def adopt(settings: Settings) -> None:
    """Take over the session that the settings name.

    Raises:
        ConfigError: It cannot be imported, or something in it cannot be taken over; nothing was changed then.
        EngineError: The store cannot be written.
    """
    target = settings.redengine.adopt
    options = chosen.options(settings)
    found = await asyncio.to_thread(read, target, options.interpreter)
    known = options.root / "adopted.json"
    before = json.loads(known.read_bytes()) if known.exists() else {"tasks": [], "parameters": {}}
    backend = RedengineBackend(job_engine.of(settings), options)
    try:
        await backend.import_session(changed(before, found))
        for name in gone(before, found):
            with suppress(NotFound):
                await backend.delete(name)
    except EngineError as exc:
        raise ConfigError(f"redengine.adopt: {target}: {exc.message}") from exc
    finally:
        await backend.aclose()
    _write(known, json.dumps(found))


def read(target: str, interpreter: str) -> Session:
    """The session ``module:object``, read by the Python that has it; looked for in the present directory, too.

    Raises:
        ConfigError: It cannot be imported, or holds what cannot be taken over.
    """
    command = [interpreter, "-W", "ignore", "-c", _READER.read_text(encoding="utf-8"), target]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=_SECONDS, check=True)  # noqa: S603 - as told
        told = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as exc:
        raise ConfigError(f"redengine.adopt: {target} cannot be read by {interpreter}: {exc}") from exc
    if "problem" in told:
        raise ConfigError(f"redengine.adopt: {told['problem']}")
    session: Session = told["document"]
    return session


def changed(before: Session, found: Session) -> Session:
    """What is not as it was."""
    old = {task["name"]: task for task in before["tasks"]}
    parameters = {key: value for key, value in found["parameters"].items() if before["parameters"].get(key) != value}
    tasks = [task for task in found["tasks"] if old.get(task["name"]) != task]
    return {"format": found["format"], "parameters": parameters, "tasks": tasks}


def gone(before: Session, found: Session) -> list[str]:
    """The names of tasks that are there no more."""
    present = {task["name"] for task in found["tasks"]}
    return [task["name"] for task in before["tasks"] if task["name"] not in present]


def _write(file: Path, text: str) -> None:
    """Whole or not at all; the directory is private."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


if __name__ == "__main__":
    from opsgate import config

    try:
        asyncio.run(adopt(config.load(Path(sys.argv[1]), {}, {})))
    except (ConfigError, EngineError, OSError) as problem:
        sys.exit(f"opsgate: {problem}")
