"""Task classes."""

from __future__ import annotations

import subprocess
from typing import Any

from .parse import parse_condition


class Task:
    """What they share."""

    members: tuple[str, ...] = ()
    batches: list[dict[str, Any]]
    alive: Any

    def __init__(self, *, session: Any, name: str, **given: Any) -> None:
        self.session, self.alive, self.batches = session, None, []
        self.last_run = self.last_success = self.last_fail = self.last_terminate = self.last_inaction = None
        defaults: dict[str, Any] = {
            "description": None, "disabled": False, "execution": None, "priority": 0, "timeout": None, "daemon": None,
            "on_startup": False, "on_shutdown": False, "parameters": {}, "start_cond": "false", "end_cond": "false",
            "status": None, "permanent": False, "force_termination": False, **dict.fromkeys(self.members),
        }  # fmt: skip
        for member, value in (defaults | given | {"name": name}).items():
            setattr(self, member, value)
        session.tasks.add(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "priority" and not isinstance(value, int):
            raise ValueError(f"{value!r} is no valid integer")
        if name in ("start_cond", "end_cond"):
            value = parse_condition(value) if isinstance(value, str) else value
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def is_alive(self) -> bool:
        return self.alive is not None and not self.alive.done()

    def run(self) -> None:
        self.batches.append({})

    def terminate(self) -> None:
        self.force_termination = True

    def delete(self) -> None:
        self.session.tasks.remove(self)


class FuncTask(Task):
    """Calls a function."""

    members = ("func", "path", "sys_paths")

    def execute(self) -> Any:
        return self.func(**self.parameters)


class CodeTask(Task):
    """Executes code."""

    members = ("code",)

    def execute(self) -> Any:
        names = dict(self.parameters)
        exec(self.code, names)  # noqa: S102 - that is the task
        return names.get("return_value")


class CommandTask(Task):
    """Starts a program."""

    members = ("command", "shell", "cwd", "argform")

    def execute(self) -> Any:
        return subprocess.run(self.command, capture_output=True, check=True, shell=bool(self.shell)).stdout
