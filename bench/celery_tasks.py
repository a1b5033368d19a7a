"""Celery's side of `bench.jobs`, run by a Python that has Celery: its app, and clients that send tasks and wait.

    python -m celery_tasks CLIENTS SECONDS        prints how many tasks were done, in how many seconds, as JSON

The broker's address is in BENCH_BROKER; the plugin is found beside this file, once it is copied there.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
from typing import Any

celery: Any = importlib.import_module("celery")  # no dependency of ours
plugin: Any = importlib.import_module("bench_trivial_plugin")

app = celery.Celery("celery_tasks", broker=os.environ["BENCH_BROKER"], backend=os.environ["BENCH_BROKER"])


class Status:
    """What the plugin reports to: Celery's state of the task."""

    def __init__(self, task: Any) -> None:
        """Report for `task`."""
        self._task = task

    def update(self, status: dict[str, Any]) -> None:
        """Make a status public."""
        self._task.update_state(state="PROGRESS", meta=status)


@app.task(bind=True, name="trivial")  # type: ignore[untyped-decorator]  # as above
def trivial(self: Any) -> None:
    """Run the plugin."""
    plugin.run({}, Status(self))


def main(clients: int, seconds: float) -> None:
    """Send tasks and wait for each."""
    times: list[float] = []
    begin = time.perf_counter()

    def client() -> None:
        while (start := time.perf_counter()) - begin < seconds:
            trivial.delay().get(timeout=60)
            times.append(time.perf_counter() - start)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    json.dump({"times": times, "seconds": time.perf_counter() - begin}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
