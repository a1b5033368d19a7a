"""Reads a session of rocketry or Red Engine, and writes its tasks as JSON. Run as ``python -c SOURCE MODULE:OBJECT``.

It runs in the Python that has the user's modules, which need not have this service: it imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import site
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path
from typing import Any

COMMON = ("description", "priority", "execution", "disabled", "daemon", "on_startup", "on_shutdown")
INSTALLED = {sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")} | {site.getusersitepackages()}


class NotPossibleError(Exception):
    """A task that cannot be taken over."""


def session_of(target: str) -> Any:
    """The session that ``module:object`` names: itself, or that of an application."""
    module, _, name = target.partition(":")
    found = importlib.import_module(module)
    for part in name.split(".") if name else ():
        found = getattr(found, part)
    session = getattr(found, "session", found)
    if not hasattr(session, "tasks"):
        raise NotPossibleError(f"{target}: {type(found).__name__} is no session, and has none")
    return session


def document(session: Any) -> dict[str, Any]:
    """What ``POST /import`` takes."""
    tasks = session.tasks.values() if hasattr(session.tasks, "values") else session.tasks
    own = [task for task in tasks if not (getattr(task, "permanent", False) or getattr(task, "permanent_task", False))]
    return {
        "format": 1,
        "parameters": parameters(getattr(session, "parameters", {}), "The session"),
        "tasks": sorted(map(definition, own), key=lambda task: str(task["name"])),
    }


def definition(task: Any) -> dict[str, Any]:
    """A task as it is created."""
    name = str(task.name)
    members = {member: value for member in COMMON if (value := getattr(task, member, None)) is not None}
    timeout = getattr(task, "timeout", None)
    if timeout is not None and timeout != "never":
        members["timeout"] = f"{timeout.total_seconds():f} s" if hasattr(timeout, "total_seconds") else str(timeout)
    return {
        "name": name,
        **members,
        **{
            member: str(getattr(task, member, False)).replace("False", "false") for member in ("start_cond", "end_cond")
        },
        "parameters": parameters(getattr(task, "parameters", {}), f"The task {name!r}"),
        **what(task, name),
    }


def condition(given: Any) -> str:
    """The text of a condition; one that was made of objects has none that can be read back."""
    return "false" if given is None else {"True": "true", "False": "false"}.get(str(given), str(given))


def what(task: Any, name: str) -> dict[str, Any]:
    """The class of a task, and what it runs."""
    if getattr(task, "code", None) is not None:
        return {"class": "CodeTask", "code": task.code}
    if getattr(task, "command", None) is not None:
        members = {member: getattr(task, member, None) for member in ("shell", "cwd", "argform")}
        return {"class": "CommandTask", "command": task.command, **{k: v for k, v in members.items() if v is not None}}
    function, path = getattr(task, "func", None), getattr(task, "path", None)
    if function is not None:
        return {"class": "FuncTask", **named(function, name)}
    if path is not None:
        return {"class": "FuncTask", "func": task.func_name, "path": str(Path(path).absolute())}
    raise NotPossibleError(f"The task {name!r} has neither code nor a command nor a function")


def named(function: Any, name: str) -> dict[str, Any]:
    """A function by its name, and where its module is found."""
    module, qualified = function.__module__, function.__qualname__
    if "<" in qualified or module == "__main__":
        raise NotPossibleError(f"The function of the task {name!r} cannot be imported: {module}:{qualified}")
    own = [str(place) for place in places_of(sys.modules[module.partition(".")[0]]) if str(place) not in INSTALLED]
    return {"func": f"{module}:{qualified}", **({"sys_paths": own} if own else {})}


def places_of(top: Any) -> list[Path]:
    """The directories from which a module, or a package, was imported."""
    inside = getattr(top, "__path__", None) or [top.__file__]
    return [Path(path).absolute().parent for path in inside]


def parameters(given: Any, whose: str) -> dict[str, Any]:
    """Parameters that are JSON."""
    found = {str(key): given[key] for key in given.keys()}  # noqa: SIM118 - not a dictionary
    for key, value in found.items():
        with contextlib.suppress(TypeError, ValueError):
            json.dumps(value)
            continue
        raise NotPossibleError(f"{whose} has a parameter {key!r} that is no JSON: {value!r}")
    return found


def main(arguments: Iterable[str]) -> None:
    """Write the document, or what is wrong, to standard output: whatever the user's modules print is not in it."""
    (target,) = arguments
    with contextlib.redirect_stdout(sys.stderr):
        try:
            told: dict[str, Any] = {"document": document(session_of(target))}
        except NotPossibleError as exc:
            told = {"problem": str(exc)}
        except Exception as exc:  # importing the user's module runs it
            told = {"problem": f"{target}: {type(exc).__name__}: {exc}"}
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
