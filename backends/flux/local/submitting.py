"""From a job as the Flux API takes it to one that the job engine runs."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from opsgate.backends.errors import Invalid
from opsgate.backends.flux import checking, dependencies
from opsgate.backends.flux.local import numbers
from opsgate.backends.flux.local.keeping import Kept
from opsgate.backends.flux.port import NewJob
from opsgate.backends.jobs import model
from opsgate.backends.jobs.model import Awaited, Command, Limits, Spec

API: Final = "flux"
"""Whose jobs these are, in the job engine; also the name of their queue."""
FALLBACK_DIRECTORY: Final = "/tmp"  # noqa: S108 - as Flux does
HELD: Final = 0
"""The urgency of a job that is not to run until it has another one."""
EXPEDITED: Final = 31
"""The urgency of a job that goes before all others."""
EXPEDITED_PRIORITY: Final = 2**32 - 1
_AWAITED: Final[Mapping[str, Awaited]] = {
    "after": "start",
    "afterstart": "start",
    "afterany": "end",
    "afterok": "success",
    "afternotok": "failure",
}


@dataclass(frozen=True, slots=True)
class Options:
    """How jobs are run.

    Attributes:
        grace: Seconds between the first signal to a job and SIGKILL.
        max_output: The most bytes of a job's output that are kept; what comes later is thrown away. As much as Flux.
        max_answer: The most bytes of it in one answer.
    """

    grace: float = 5.0
    max_output: int = 1024**3
    max_answer: int = 4 * 1024**2


def wanted(new: NewJob, cores: int, options: Options) -> model.NewJob:
    """Return what the job engine is to create.

    Args:
        new: What was asked for.
        cores: How many cores there are.
        options: How jobs are run.

    Raises:
        Invalid: There can be no such job, here.
    """
    checking.check(new)
    _check_machine(new)
    after = [dependencies.parse(text) for text in new.dependencies]
    asked = new.num_tasks * new.cores_per_task
    kept = Kept(
        ntasks=new.num_tasks,
        cores_per_task=new.cores_per_task,
        ncores=max(asked, cores) if new.exclusive else asked,
        duration=new.duration,
        after=tuple(dependency.description for dependency in after),
        cwd=new.workdir,
        held=new.urgency == HELD,
        option_flags=dict(new.option_flags),
    )
    return model.NewJob(
        api=API,
        name=new.name or PurePath(new.command[0]).name or new.command[0],
        spec=_spec(new, options),
        cores=kept.ncores,
        priority=priority(new.urgency),
        extra=kept.members(),
        numbered=numbers.named,
        after=tuple((numbers.engine_id(number), _AWAITED[scheme]) for scheme, number in after),
        held=kept.held,
    )


def priority(urgency: int) -> int:
    """Return the priority of a job with this urgency."""
    return EXPEDITED_PRIORITY if urgency == EXPEDITED else urgency


def urgency(priority: int) -> int:
    """Return the urgency of a job with this priority."""
    return EXPEDITED if priority == EXPEDITED_PRIORITY else priority


def _spec(new: NewJob, options: Options) -> Spec:
    return Spec(
        run=Command(new.command),
        environment={**new.envars, "FLUX_JOB_SIZE": str(new.num_tasks), "FLUX_JOB_NNODES": "1"},
        directory=_directory(new.workdir),
        fallback_directory=FALLBACK_DIRECTORY,
        limits=Limits(
            time=new.duration or None,
            time_signal=signal.SIGALRM,
            grace=options.grace,
            output=options.max_output,
            output_action="discard",
        ),
        tasks=new.num_tasks,
        rank_variable="FLUX_TASK_RANK",
        merge_output=True,
    )


def _directory(workdir: str | None) -> str:
    try:
        return str(Path.cwd() / (workdir or ""))
    except FileNotFoundError:  # this process' own was removed
        return str(PurePath(FALLBACK_DIRECTORY) / (workdir or ""))


def _check_machine(new: NewJob) -> None:
    if new.num_nodes is not None and new.num_nodes > 1:
        raise Invalid(f"num_nodes is {new.num_nodes}, and this machine is one node")
    if new.gpus_per_task:
        raise Invalid(f"gpus_per_task is {new.gpus_per_task}, and this machine has no GPUs to give out")
