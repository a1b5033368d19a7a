"""What Flux's journal would have said at each change of a job.

All of it follows from the row of the job engine's journal and from the job as it is later: any worker tells the same,
at any time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from opsgate.backends.flux.local import keeping
from opsgate.backends.flux.local.describing import Fatal, fatal, resource_summary, waitstatus
from opsgate.backends.flux.local.keeping import Kept
from opsgate.backends.flux.local.submitting import HELD, urgency
from opsgate.backends.jobs import model
from opsgate.backends.jobs.model import Job
from opsgate.backends.jobs.states import Cause, State


class Told(NamedTuple):
    """An event without its place and time."""

    name: str
    context: dict[str, Any]


def told(row: model.Event, job: Job) -> list[Told]:
    """Return the events of a row of the journal, none for what Flux does not tell of."""
    tell = _TELLERS.get(row.event)
    return [] if tell is None else tell(row, job, keeping.read(job.extra_json))


def _submitted(_: model.Event, job: Job, kept: Kept) -> list[Told]:
    asked = HELD if kept.held else urgency(job.priority)
    submit = Told("submit", {"userid": os.getuid(), "urgency": asked, "flags": 0, "version": 1})
    waits = [Told("dependency-add", {"description": text}) for text in kept.after]
    ready = [_plain("depend"), _priority(HELD)] if kept.held and not waits else []
    return [submit, *waits, _plain("validate"), *ready]


def _queued(row: model.Event, job: Job, kept: Kept) -> list[Told]:
    if row.change != job.turn:  # it gave its cores back before it ran, which nobody was told of
        return []
    if kept.held and not kept.after:
        return []
    waited = [Told("dependency-remove", {"description": text}) for text in kept.after]
    return [*waited, _plain("depend"), _priority(job.priority)]


def _running(_: model.Event, __: Job, kept: Kept) -> list[Told]:
    return [Told("alloc", {"annotations": {"sched": {"resource_summary": resource_summary(kept)}}}), _plain("start")]


def _killed(_: model.Event, __: Job, ___: Kept) -> list[Told]:
    return [_exception(Fatal("cancel"))]


def _moved(_: model.Event, job: Job, kept: Kept) -> list[Told]:
    told = Told("urgency", {"userid": os.getuid(), "urgency": urgency(job.priority)})
    has_priority = not kept.after or job.turn is not None
    return [told, _priority(job.priority)] if has_priority else [told]


def _finished(_: model.Event, job: Job, __: Kept) -> list[Told]:
    exception, status = fatal(job), waitstatus(job)
    was_told = job.killed_at is not None and job.cause != Cause.TIMEOUT  # when it was asked for
    raised = [] if exception is None or was_told else [_exception(exception)]
    if status is None:
        return [*raised, _plain("clean")]
    ended = [Told("finish", {"status": status}), Told("release", {"ranks": "all", "final": True})]
    return [*raised, *ended, _plain("free"), _plain("clean")]


def _exception(exception: Fatal) -> Told:
    context = {"type": exception.type, "severity": 0, "note": exception.note, "userid": os.getuid()}
    return Told("exception", context)


def _priority(priority: int) -> Told:
    return Told("priority", {"priority": priority})


def _plain(name: str) -> Told:
    return Told(name, {})


_TELLERS: Final[Mapping[str, Callable[[model.Event, Job, Kept], list[Told]]]] = {
    State.CREATED: _submitted,
    State.QUEUED: _queued,
    "priority": _moved,
    State.RUNNING: _running,
    "kill": _killed,
    State.FINISHED: _finished,
}
