"""As much of rocketry as `side.py` touches: a session whose loop starts tasks that were asked to run, in threads.

rocketry needs pydantic 1 and this service pydantic 2, so that no environment has both. The same tests run on the real
one with ROCKETRY_PYTHON=/path/to/its/python.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any


class Config(SimpleNamespace):
    """What can be configured."""

    def dict(self) -> dict[str, Any]:
        return dict(vars(self))


class Session:
    """Tasks and a loop."""

    def __init__(self, config: dict[str, Any] | None = None) -> None:
        defaults = {
            "task_logger_basename": "rocketry.task", "execution": None, "task_priority": 0, "task_pre_exist": "raise",
            "debug": False, "cycle_sleep": 0.1,
        }  # fmt: skip
        self.config = Config(**defaults | (config or {}))
        self.tasks: set[Any] = set()
        self.parameters: dict[str, Any] = {}
        self.returns: dict[Any, Any] = {}

    def create_task(self, **members: Any) -> Any:
        return importlib.import_module("rocketry.tasks").FuncTask(session=self, **members)

    async def serve(self) -> None:
        while True:
            for task in list(self.tasks):
                if task.execution == "async" and task.permanent and not task.is_alive():
                    task.alive = asyncio.ensure_future(task.func())
                elif task.batches and not task.is_alive():
                    task.batches.clear()
                    task.alive = asyncio.ensure_future(run(task))
                elif task.force_termination and task.is_alive():
                    task.alive.cancel()
                    task.force_termination = False
            await asyncio.sleep(0.02)

    def start(self) -> None:
        asyncio.run(self.serve())


async def run(task: Any) -> None:
    """Run a task once."""
    start = time.time()
    said = {"task_name": task.name, "run_id": f"{start}", "start": datetime.fromtimestamp(start)}
    log = logging.getLogger("rocketry.task")
    log.setLevel(logging.INFO)
    log.info("run", extra=said | {"action": "run"})
    task.status, task.last_run = "run", start
    action, error = "success", None
    try:
        task.session.returns[task] = await asyncio.to_thread(task.execute)
    except asyncio.CancelledError:
        action = "terminate"
    except Exception as raised:
        action, error = "fail", raised
    end = time.time()
    task.status = action
    setattr(task, f"last_{action}", end)
    times = {"end": datetime.fromtimestamp(end), "runtime": timedelta(seconds=end - start)}
    log.info(action, extra=said | times | {"action": action}, exc_info=error)
