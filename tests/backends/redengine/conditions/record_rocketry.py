"""Writes rocketry_2_5_1.json: what rocketry 2.5.1 says of each condition in it at each moment of `histories`.

    python -m venv /tmp/rocketry && /tmp/rocketry/bin/pip install 'rocketry==2.5.1' 'pydantic<2'
    TZ=UTC /tmp/rocketry/bin/python tests/backends/redengine/conditions/record_rocketry.py

Two things are put in the place of rocketry's: the set of running tasks, for nothing runs here, and the clock. What it
says becomes one digit per four moments, in hexadecimal. Its conditions on parameters are not in the file: asked by a
scheduler they never hold, because only `bool()` of them looks at the parameters.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
FILE = Path(__file__).with_name("rocketry_2_5_1.json")


def record(texts: list[str]) -> dict[str, str]:
    """What rocketry says of these conditions."""
    pasts: Any = importlib.import_module("histories")
    says = dict.fromkeys(texts, "")
    for past in pasts.pasts():
        for text, answer in _ask(texts, past, pasts):
            says[text] += answer
    return {text: f"{int(bits, 2):0{(len(bits) + 3) // 4}x}" for text, bits in says.items()}


def _ask(texts: list[str], past: Any, pasts: Any) -> Any:
    rocketry, tasks, parse, log, repos, handlers = map(
        importlib.import_module,
        ("rocketry", "rocketry.tasks", "rocketry.parse", "rocketry.log", "redbird.repos", "redbird.logging"),
    )
    is_running = importlib.import_module("rocketry.conditions.task").TaskRunning
    logger, repo, clock = logging.getLogger("rocketry.task"), repos.MemoryRepo(model=log.MinimalRunRecord), [0.0]
    logger.handlers[:] = [handlers.RepoHandler(repo=repo)]
    session = rocketry.Session(config={"force_status_from_logs": True, "time_func": lambda: clock[0]})
    session.parameters.update(past.parameters)
    me, *_ = [tasks.CodeTask(code="pass", name=name, session=session) for name in ("me", "x", "y")]
    conditions = {text: parse.parse_condition(text, session=session) for text in texts}
    for moment in past.moments:
        clock[0], records = moment, past.at(moment)
        repo.collection[:] = [
            log.MinimalRunRecord(task_name=task, action=action, created=created, run_id="")
            for task, action, created in records
        ]
        running = pasts.running(records)
        is_running.get_measurement = lambda self, running=running: [1] if self.task in running else []
        session.scheduler.startup_time = datetime.fromtimestamp(moment - past.started)
        session.scheduler.n_cycles = int(past.started / 0.1)
        for text, condition in conditions.items():
            yield text, "1" if condition.observe(task=me, session=session) else "0"


if __name__ == "__main__":
    FILE.write_text(json.dumps(record(list(json.loads(FILE.read_text()))), indent=1) + "\n")
