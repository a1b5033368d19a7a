"""What a run of a task is as a job."""

from __future__ import annotations

import json
import os
import shlex
from typing import TYPE_CHECKING, Any

from opsgate.backends.jobs.model import Code, Command, Function, Limits, NewJob, Spec
from opsgate.backends.redengine.records import RETURN_VARIABLE
from opsgate.backends.redengine.tasks import API

if TYPE_CHECKING:
    from opsgate.backends.redengine.options import Options


def job(row: dict[str, Any], run_id: str, options: Options) -> NewJob:
    """Return the job of a run.

    Args:
        row: The task.
        run_id: The run; its job has the same id, so that it is not created twice.
        options: The operator's choices.
    """
    own, parameters = json.loads(row["own"]), json.loads(row["parameters"])
    directory = own.get("cwd") or options.directory
    spec = Spec(
        run=_runs(row["class"], own, parameters, options),
        environment=own.get("kwds_popen", {}).get("env", {}),
        directory=directory,
        limits=Limits(
            time=(options.timeout if row["timeout"] is None else row["timeout"]) or None,
            grace=options.grace,
            output=options.output,
            output_action="discard",
        ),
        interpreter=options.interpreter,
        sys_path=tuple(own.get("sys_paths") or ()),
    )
    return NewJob(api=API, name=row["name"], spec=spec, priority=row["priority"], id=run_id)


def _runs(kind: str, own: dict[str, Any], parameters: dict[str, Any], options: Options) -> Code | Command | Function:
    if kind == "CodeTask":
        return Code(own["code"], variables=parameters, result=RETURN_VARIABLE)
    if kind == "CommandTask":
        return Command(tuple(_arguments(own, parameters)))
    path = own["path"]
    return Function(own["func"], kwargs=parameters, path=path and os.path.join(options.directory or os.getcwd(), path))  # noqa: PTH109, PTH118


def _arguments(own: dict[str, Any], parameters: dict[str, Any]) -> list[str]:
    command, options = own["command"], _options(own["argform"] or "--", parameters)
    if not own["shell"]:
        return [*(shlex.split(command) if isinstance(command, str) else command), *options]
    line = command if isinstance(command, str) else shlex.join(command)
    return ["/bin/sh", "-c", " ".join([line, *map(shlex.quote, options)])]


def _options(form: str, parameters: dict[str, Any]) -> list[str]:
    """Parameters as Red Engine gives them to a command: the name, made an option where it is none, and the value."""
    named = {name if name.startswith("-") else form + name: value for name, value in parameters.items()}
    return [text for name, value in named.items() for text in (name, _text(value))]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
