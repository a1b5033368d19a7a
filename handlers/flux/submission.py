"""Submissions: arguments from query and body, checked together, so that one answer tells all that is wrong."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final

from opsgate.backends.errors import Invalid, TooLarge
from opsgate.backends.flux.port import URGENCY, NewJob
from opsgate.handlers.flux.fields import Fields
from opsgate.handlers.flux.needs import Given, JsonObject, SubmissionPort

LAUNCHERS: Final = ("nextflow", "snakemake")
LARGEST_COMMAND: Final = 131_072
"""Bytes: as long as one argument may be on Linux. Splitting a longer text takes seconds."""
_LONGEST_RUN: Final = 3_153_600_000
"""Seconds: a hundred years."""
_QUICKLY_SPLIT: Final = 4_096
"""Characters that are split at once; splitting takes time by the square of the longest word."""
_MOST_URGENT: Final = 31


async def submit_job(submission: SubmissionPort, /, body: JsonObject, given: Given) -> JsonObject:
    """Submit a job."""
    fields = Fields(_merged(given, body))
    if fields.value("command") in (None, []):
        raise Invalid("A 'command' is minimally required.")
    new = await _read(submission, fields)
    launcher = fields.truth("is_launcher")
    if fields.errors:
        raise Invalid("Invalid submit request", details={"Errors": fields.errors})
    if launcher:
        return await _launch(submission, new)
    try:
        record = await submission.submit(new)
    except Invalid as exc:  # the sentence that clients know, and the engine's own words
        raise Invalid("There was an issue submitting that job.", details={"Error": exc.message}) from exc
    return {"Message": "Job submit.", "id": record.id, "f58": record.attributes["f58"]}


submit_job_v1 = submit_job


def _merged(given: Given, body: JsonObject) -> Mapping[str, Any]:
    """What the body has before what the query has; what is blank in the body does not hide the query's."""
    sent = {name: value for name, value in body.items() if value is not None and value != ""}
    return {**given, **sent}


async def _launch(submission: SubmissionPort, new: NewJob) -> JsonObject:
    program = PurePath(new.command[0]).name
    if program not in LAUNCHERS:
        return {"Message": f"{program} is not a known launcher. ", "id": "MANY"}
    await submission.launch(new)
    return {"Message": "Job submit, see jobs table for spawned jobs.", "id": "MANY"}


async def _read(submission: SubmissionPort, fields: Fields) -> NewJob:
    command = await _command(fields)
    num_tasks = fields.integer("num_tasks", 1, 1)
    num_nodes = await _num_nodes(submission, fields, num_tasks)
    return NewJob(
        command=command,
        num_tasks=num_tasks,
        cores_per_task=fields.integer("cores_per_task", 1, 1),
        gpus_per_task=await _gpus(submission, fields),
        num_nodes=num_nodes,
        exclusive=fields.truth("exclusive"),
        duration=fields.number("runtime", 0.0, 0, _LONGEST_RUN),
        option_flags=_option_flags(fields) or submission.rules.option_flags,
        envars=fields.texts("envars"),
        workdir=fields.text("workdir"),
        urgency=fields.integer("urgency", URGENCY, 0, _MOST_URGENT),
        dependencies=_dependencies(fields),
        name=fields.text("name"),
    )


async def _command(fields: Fields) -> tuple[str, ...]:
    """The program and its arguments; a placeholder where they are wrong."""
    value = fields.value("command")
    words = [str(word) for word in value] if isinstance(value, list) else None
    text = " ".join(words) if words is not None else str(value)
    if len(text.encode()) > LARGEST_COMMAND:
        raise TooLarge(f"The command is larger than {LARGEST_COMMAND} bytes")
    if "\0" in text:
        fields.wrong("command", "it holds a NUL")
        words = None
    elif words is None:
        words = await _split(fields, text)
    if words and not words[0]:
        fields.wrong("command", "the program has no name")
    return tuple(words or ("",))


async def _split(fields: Fields, text: str) -> list[str] | None:
    try:
        return shlex.split(text) if len(text) <= _QUICKLY_SPLIT else await asyncio.to_thread(shlex.split, text)
    except ValueError as exc:
        fields.wrong("command", str(exc))
        return None


async def _num_nodes(submission: SubmissionPort, fields: Fields, num_tasks: int) -> int | None:
    wanted: int | None = fields.integer("num_nodes", None, 1)
    if wanted is None:
        return None
    there_are = (await submission.resources()).nodes
    most = min(there_are, submission.rules.max_nodes or there_are)
    if wanted > most:
        fields.wrong("num_nodes", f"{wanted} nodes are more than there are ({most})")
    if wanted > num_tasks:
        fields.wrong("num_nodes", f"{wanted} nodes are more than there are tasks ({num_tasks})")
    return wanted


async def _gpus(submission: SubmissionPort, fields: Fields) -> int | None:
    wanted: int | None = fields.integer("gpus_per_task", None, 0)
    if not wanted:
        return None
    if not (submission.rules.has_gpus or (await submission.resources()).gpus):
        fields.wrong("gpus_per_task", "there are no GPUs here")
    return wanted


def _option_flags(fields: Fields) -> dict[str, object]:
    """Shell options; those of a text that have no equals sign are left out, as by the original."""
    value = fields.value("option_flags")
    if isinstance(value, str):
        parts = (part.partition("=") for part in value.split(","))
        flags: dict[str, Any] = {name.strip(): text.strip() for name, equals, text in parts if equals}
    else:
        flags = dict(fields.mapping("option_flags"))
    for name in flags:
        if "-o" in name:
            fields.wrong("option_flags", f"Please provide keys without -o, not {name!r}")
        elif not name or "\0" in f"{name}{flags[name]}":
            fields.wrong("option_flags", f"{name!r} and its value cannot be an option")
    return {name: _number(value) for name, value in flags.items()}


def _number(value: Any) -> Any:
    """Digits as the number that they are: Flux's shell refuses `verbose="1"`."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19 else value  # noqa: PLR2004 - 64 bits


def _dependencies(fields: Fields) -> tuple[str, ...]:
    value = fields.value("dependencies")
    if value is None:
        return ()
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(part.strip() for part in parts if part.strip())
