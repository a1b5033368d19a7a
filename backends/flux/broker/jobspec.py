"""From a job as the Flux API takes it to Flux's jobspec, version 1 (RFC 25)."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import Any, Final

import orjson

from opsgate.backends.flux import checking, dependencies, ids
from opsgate.backends.flux.port import NewJob
from opsgate.backends.jobs import environment

_DIGITS: Final = frozenset("0123456789")
_FALLBACK: Final = "/tmp"  # noqa: S108 - where Flux itself goes


def text(new: NewJob) -> str:
    """Return the jobspec as JSON.

    Raises:
        Invalid: There can be no such job.
    """
    checking.check(new)
    count: dict[str, int] = {"per_slot": 1}
    if new.num_nodes and new.num_tasks % new.num_nodes:
        count = {"total": new.num_tasks}  # some slots of the last node stay empty
    spec = {
        "version": 1,
        "resources": [_resources(new)],
        "tasks": [{"command": list(new.command), "slot": "task", "count": count}],
        "attributes": {"system": _system(new)},
    }
    return orjson.dumps(spec).decode()


def _resources(new: NewJob) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "core", "count": new.cores_per_task}]
    if new.gpus_per_task:
        parts.append({"type": "gpu", "count": new.gpus_per_task})
    slots = -(-new.num_tasks // (new.num_nodes or 1))
    slot = {"type": "slot", "count": slots, "label": "task", "with": parts}
    if not new.num_nodes:
        return slot
    node = {"type": "node", "count": new.num_nodes, "with": [slot]}
    return {**node, "exclusive": True} if new.exclusive else node


def _system(new: NewJob) -> dict[str, Any]:
    system: dict[str, Any] = {
        "duration": new.duration,
        "cwd": _directory(new.workdir),
        "environment": environment.compose(environment.base(), new.envars),
    }
    if new.name:
        system["job"] = {"name": new.name}
    if new.option_flags:
        system["shell"] = {"options": {name: _value(value) for name, value in new.option_flags.items()}}
    if new.dependencies:
        system["dependencies"] = [_dependency(text) for text in new.dependencies]
    return system


def _directory(workdir: str | None) -> str:
    try:
        here = os.getcwd()  # noqa: PTH109 - a text
    except FileNotFoundError:  # it was removed
        here = _FALLBACK
    return str(PurePath(here) / (workdir or ""))


def _value(value: object) -> object:
    """Flux's shell takes a number for a number only: what came as text is made one."""
    return int(value) if isinstance(value, str) and value and set(value) <= _DIGITS else value


def _dependency(wanted: str) -> dict[str, str]:
    scheme, number = dependencies.parse(wanted)
    return {"scheme": scheme, "value": ids.f58(number)}
