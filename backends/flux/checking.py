"""What no engine takes, in the words of Flux's Python bindings."""

from __future__ import annotations

import math
from typing import Final

import orjson

from opsgate.backends.errors import Invalid
from opsgate.backends.flux.port import NewJob

LEAST_URGENCY: Final = 0
MOST_URGENCY: Final = 31


def check(new: NewJob) -> None:
    """Raise Invalid if there can be no such job.

    How much it asks for is not looked at: a job that is too large is taken, and fails.
    """
    _check_command(new)
    _check_counts(new)
    if not math.isfinite(new.duration):
        raise Invalid(f"duration must be a normal, finite value, not {new.duration}")
    if new.duration < 0:
        raise Invalid(f"duration must not be negative, as {new.duration:g} is")
    check_urgency(new.urgency)
    _check_flags(new)
    for name, text in (("workdir", new.workdir), ("name", new.name)):
        if text is not None and not _is_text(text):
            raise Invalid(f"{name} {text!r} is not a text that a program can be given")


def check_urgency(urgency: int) -> None:
    """Raise Invalid if this is no urgency."""
    if not LEAST_URGENCY <= urgency <= MOST_URGENCY:
        raise Invalid(f"urgency range is [{LEAST_URGENCY}:{MOST_URGENCY}], {urgency} is not in it")


def _check_command(new: NewJob) -> None:
    if not new.command or not new.command[0]:
        raise Invalid("command array cannot have length of zero")
    for text in (*new.command, *new.envars.keys(), *new.envars.values()):
        if not _is_text(text):
            raise Invalid(f"{text[:64]!r} is not a text that a program can be given")


def _check_counts(new: NewJob) -> None:
    if new.num_tasks < 1:
        raise Invalid("task count must be a integer >= 1")
    if new.cores_per_task < 1:
        raise Invalid("cores per task must be an integer >= 1")
    if new.gpus_per_task is not None and new.gpus_per_task < 0:
        raise Invalid("gpus per task must be an integer >= 0")
    if new.num_nodes is not None and new.num_nodes < 1:
        raise Invalid("node count must be an integer >= 1 (if set)")
    if new.num_nodes is not None and new.num_nodes > new.num_tasks:
        raise Invalid("node count must not be greater than task count")
    if new.exclusive and new.num_nodes is None:
        raise Invalid("exclusive can only be set with a node count")


def _check_flags(new: NewJob) -> None:
    try:
        orjson.dumps(new.option_flags)
    except orjson.JSONEncodeError as error:
        raise Invalid(f"option_flags cannot be told in JSON: {error}") from error


def _is_text(text: str) -> bool:
    """Whether it has no NUL and none of the halves of characters that JSON can name."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
