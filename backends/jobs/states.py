"""The states of a job, and why a job ended when it did not end by itself."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a job is in its life. It only moves forward, except from STARTING back to QUEUED, and, held, to CREATED."""

    CREATED = "created"  # known, not asked to run
    QUEUED = "queued"  # asked to run, waiting for cores
    STARTING = "starting"  # has its cores; its runner is on the way and nothing of the job was executed
    RUNNING = "running"  # from just before the first program is executed
    FINISHED = "finished"  # over, for whatever reason


class Cause(StrEnum):
    """Why the engine ended a job, or recorded its end in the job's place. A job that ended by itself has none."""

    CANCELLED = "cancelled"  # somebody asked for it
    TIMEOUT = "timeout"  # over its time limit
    OUTPUT = "output"  # over its output limit
    NOT_STARTED = "not_started"  # its program, directory or limits did not allow it to be executed
    UNSATISFIABLE = "unsatisfiable"  # asks for more cores than its queue has
    DEPENDENCY = "dependency"  # a job it waited for did not end as it had to
    INTERRUPTED = "interrupted"  # the runner itself was told to end, as a machine does when it shuts down
    LOST = "lost"  # its runner died, or the machine restarted
