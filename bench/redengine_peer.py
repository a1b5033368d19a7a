"""Red Engine's own session with its FlaskAPI, for `bench.redengine`; run by the Python of its virtual environment.

    .bench/redengine/bin/python -P bench/redengine_peer.py PORT TASKS RECORDS

Its loop sleeps 0.1 s per cycle: by default it does not sleep at all and takes half a core from whatever it is compared
with. TASKS is a file with its tasks, as they would be created over HTTP. RECORDS log records, half of them beginnings
and half successes, are made as its tasks make theirs.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from pathlib import Path


def main(port: int, tasks: Path, records: int) -> None:
    """Serve until killed."""
    warnings.simplefilter("ignore")  # it keeps its log in memory, and warns that it does
    redengine, core, api = map(importlib.import_module, ("redengine", "redengine.core", "redengine.tasks.api"))
    session = redengine.Session(config={"cycle_sleep": 0.1})
    api.FlaskAPI(port=port)
    for name, members in json.loads(tasks.read_text()).items():
        core.Task.from_dict({"name": name, **members})
    if records:
        written = core.Task.from_dict({"name": "written", "class": "CodeTask", "code": "pass", "disabled": True})
        for _ in range(records // 2):
            written.log_running()
            written.log_success()
    session.start()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
