"""A job of the job engine as Flux shows one: state, times, result, wait status, exception."""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from typing import Any, Final

from opsgate.backends.flux import ids
from opsgate.backends.flux.local import keeping, numbers
from opsgate.backends.flux.local.keeping import Kept
from opsgate.backends.flux.local.submitting import urgency
from opsgate.backends.flux.record import Record
from opsgate.backends.flux.states import Result, State
from opsgate.backends.jobs.model import Job
from opsgate.backends.jobs.states import Cause
from opsgate.backends.jobs.states import State as Stage

EXPIRED: Final = "resource allocation expired"
_TROUBLE: Final = re.compile(r"task (\d+): (.*)")
_TOO_LONG: Final = "Argument list too long"
_FAILURE: Final = 1 << 8
_BY_SHELL: Final = 128
"""What a shell adds to the number of the signal that ended its program."""
_AWAITED: Final = {
    "start": "after-start",
    "end": "after-finish",
    "success": "after-success",
    "failure": "after-failure",
}


@dataclass(frozen=True, slots=True)
class Fatal:
    """An exception that ends a job: its type, and what is said about it."""

    type: str
    note: str = ""

    def members(self) -> dict[str, Any]:
        """Return it as attributes of the job."""
        return {"exception_type": self.type, "exception_severity": 0, "exception_note": self.note}


def describe(job: Job) -> Record:
    """Return a job as it is."""
    kept = keeping.read(job.extra_json)
    return Record(
        {
            "id": numbers.of(job.seq),
            "userid": os.getuid(),
            "urgency": urgency(job.priority),
            **_times(job, kept),
            "state": int(state(job)),
            "name": job.name,
            **({} if kept.cwd is None else {"cwd": kept.cwd}),
            "ntasks": kept.ntasks,
            "ncores": kept.ncores,
            "duration": kept.duration,
            **_allocation(job, kept),
            **_ending(job),
            **({"dependencies": kept.after if state(job) == State.DEPEND else ()} if kept.after else {}),
        }
    )


def state(job: Job) -> State:
    """Return its state. Having cores, but no process yet, it still waits: it may yet give them back."""
    if job.is_finished:
        return State.INACTIVE
    if job.killed_at is not None:
        return State.CLEANUP
    if job.is_running:
        return State.RUN
    return State.DEPEND if job.state == Stage.CREATED and job.awaits else State.SCHED


def fatal(job: Job) -> Fatal | None:
    """Return the exception that ends it, or ended it, or None."""
    if job.cause == Cause.TIMEOUT:
        return Fatal("timeout", EXPIRED)
    if job.cause == Cause.CANCELLED or job.killed_at is not None:
        return Fatal("cancel")
    if job.cause == Cause.UNSATISFIABLE:
        return Fatal("alloc", _unsatisfiable(job))
    if job.cause == Cause.DEPENDENCY:
        return Fatal("dependency", _in_vain(job))
    if job.cause is not None:
        return Fatal("exec", _trouble(str(job.ending.get("error", job.cause))))
    return None


def waitstatus(job: Job) -> int | None:
    """Return the worst wait status of its tasks, as Flux's job shell tells it, or None if it never ran."""
    if job.began is None:
        return None
    if job.waitstatus is None:
        return _FAILURE  # it was lost, and nobody knows more
    ending = job.ending
    if _TOO_LONG in str(ending.get("error", "")):
        return _FAILURE
    return max(_by_shell(status) for status in ending.get("tasks", [job.waitstatus]))


def resource_summary(kept: Kept) -> str:
    """Return which cores it has, as Flux writes it."""
    return "rank0/core0" if kept.ncores == 1 else f"rank0/core[0-{kept.ncores - 1}]"


def host() -> str:
    """Return the name of this machine."""
    return socket.gethostname()


def _times(job: Job, kept: Kept) -> dict[str, Any]:
    """When it came into each of its states, and its priority, which it has from one of them on."""
    times: dict[str, Any] = {"t_submit": job.created_at, "t_depend": job.created_at}
    ready = job.created_at if not kept.after else job.queued_at or _released(job)
    if ready is not None:
        times |= {"priority": job.priority, "t_priority": ready, "t_sched": ready}
    if job.began is not None:
        times["t_run"] = job.started_at
    if job.killed_at is not None or job.is_finished:
        times["t_cleanup"] = _cleanup(job, kept)
    if job.is_finished:
        times["t_inactive"] = job.finished_at
    return times


def _released(job: Job) -> float | None:
    """When a held job had nothing more to wait for than its release; that is not recorded, so about then."""
    return job.created_at if state(job) == State.SCHED else None


def _cleanup(job: Job, kept: Kept) -> float:
    """When it began to end: the exception came, or the last of its tasks ended."""
    finished = job.finished_at or float("inf")
    if job.started_at is None:
        return min(job.killed_at or finished, finished)
    if job.cause == Cause.TIMEOUT:
        ended = job.started_at + kept.duration
    elif job.killed_at is not None:
        ended = job.killed_at
    else:
        ended = job.started_at + (job.duration or 0.0) if job.duration is not None else finished
    return max(job.started_at, min(ended, finished))


def _allocation(job: Job, kept: Kept) -> dict[str, Any]:
    if job.began is None or job.started_at is None:
        return {}
    return {
        "nnodes": 1,
        "ranks": "0",
        "nodelist": host(),
        "expiration": job.started_at + kept.duration if kept.duration else 0.0,
        "annotations": {"sched": {"resource_summary": resource_summary(kept)}},
    }


def _ending(job: Job) -> dict[str, Any]:
    exception = fatal(job)
    told = {} if exception is None else exception.members()
    if not job.is_finished:
        return told
    status = waitstatus(job)
    outcome = result(exception, status)
    members = {"success": outcome == Result.COMPLETED, "exception_occurred": exception is not None}
    ran = {} if status is None else {"waitstatus": status}
    return {**members, **told, "result": int(outcome), **ran}


def result(exception: Fatal | None, status: int | None) -> Result:
    """Return how a job ended, from the exception that ended it and its wait status."""
    if exception is not None:
        return {"cancel": Result.CANCELED, "timeout": Result.TIMEOUT}.get(exception.type, Result.FAILED)
    return Result.COMPLETED if status == 0 else Result.FAILED


def _by_shell(status: int) -> int:
    signum = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return (_BY_SHELL + signum) << 8 if signum else status


def _trouble(error: str) -> str:
    """The first thing that went wrong with a task, in Flux's words."""
    first = error.partition("\n")[0]
    found = _TROUBLE.fullmatch(first)
    return f"task {found[1]} (host {host()}): start failed: {found[2]}" if found else first


def _unsatisfiable(job: Job) -> str:
    kept, total = keeping.read(job.extra_json), int(job.ending.get("cores", 0))
    return (
        f"unsatisfiable request: need {kept.ntasks} slot(s) of {kept.cores_per_task} core(s), "
        f"only {total // kept.cores_per_task} such slot(s) available (total cores: {total})"
    )


def _in_vain(job: Job) -> str:
    awaited = job.ending.get("awaited")
    if not isinstance(awaited, list) or len(awaited) != 2:  # noqa: PLR2004 - a pair
        return ""
    how, other = awaited
    return f"dependency {_AWAITED[how]}={ids.f58(int(other))} can never be satisfied"
