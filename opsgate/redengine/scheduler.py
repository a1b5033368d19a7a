"""``python -m opsgate.redengine.scheduler SETTINGS [GATEWAY]``: the process that looks at conditions and starts runs.

One per state directory acts; others wait until it is gone. With the process id of a gateway it ends when that does, and
whoever started the gateway has taken over what there is to.
"""

from __future__ import annotations

import asyncio
import logging
import os
import select
import signal
import sys
import threading
from pathlib import Path

from opsgate import config, job_engine, logs
from opsgate.backends.errors import EngineError
from opsgate.backends.redengine import serving
from opsgate.config import ConfigError
from opsgate.redengine import chosen
from opsgate.redengine.adopting import adopt
from opsgate.settings import Settings

log = logging.getLogger("opsgate.redengine")


def main(file: str, gateway: str = "") -> int:
    """Schedule until SIGTERM or SIGINT; return an exit code."""
    try:
        if gateway:
            _end_with(int(gateway))
        settings = config.load(Path(file), {}, {})
        logs.configure(settings.server.log_level, as_json=settings.server.log_format == "json")
        asyncio.run(_serve(settings, is_beside=bool(gateway)))
    except (ConfigError, EngineError, OSError) as exc:
        print(f"opsgate: the scheduler: {exc}", file=sys.stderr, flush=True)  # noqa: T201
        return 1
    return 0


async def _serve(settings: Settings, *, is_beside: bool) -> None:
    options = chosen.options(settings)
    if settings.redengine.adopt and not is_beside:
        await adopt(settings)
    await serving.serve(job_engine.of(settings), options, standby=True, ready=lambda: _begun(options.root))


def _end_with(process: int) -> None:
    """Get SIGTERM when a process is gone, a parent or not.

    Raises:
        ProcessLookupError: It is gone.
    """
    gone = select.poll()
    gone.register(os.pidfd_open(process), select.POLLIN)

    def wait() -> None:
        gone.poll()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _begun(root: Path) -> None:
    log.info("schedules the tasks in %s", root)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
