"""``python -m opsgate.redengine.scheduler SETTINGS [PARENT]``: the process that looks at conditions and starts runs.

One per state directory acts; others wait until it is gone. With a parent's process id it ends when the parent does, and
whoever started that one has taken over the user's session.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from opsgate import config, job_engine
from opsgate.backends.errors import EngineError
from opsgate.backends.jobs import linux
from opsgate.backends.redengine import serving
from opsgate.config import ConfigError, Settings
from opsgate.redengine import chosen
from opsgate.redengine.adopting import adopt

log = logging.getLogger("opsgate.redengine")

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(file: str, parent: str = "") -> int:
    """Schedule until SIGTERM or SIGINT; return an exit code."""
    if parent:
        linux.die_with_parent(signal.SIGTERM)
        if os.getppid() != int(parent):
            return 0
    try:
        settings = config.load(Path(file), {}, {})
        logging.basicConfig(level=settings.server.log_level.upper(), format=_LOG_FORMAT)
        asyncio.run(_serve(settings, is_beside=bool(parent)))
    except (ConfigError, EngineError, OSError) as exc:
        print(f"opsgate: the scheduler: {exc}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    return 0


async def _serve(settings: Settings, *, is_beside: bool) -> None:
    options = chosen.options(settings)
    if settings.redengine.session and not is_beside:
        await adopt(settings)
    await serving.serve(job_engine.of(settings), options, standby=True, ready=lambda: _begun(options.root))


def _begun(root: Path) -> None:
    log.info("schedules the tasks in %s", root)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
