"""The exit record: how a job ended, written once, whole, before anybody is told that it is over."""

from __future__ import annotations

import json
import os

from opsgate.backends.jobs.layout import EXIT, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_RESERVED = 4096


def reserve(job_dir: str) -> None:
    """Set aside what an ordinary record needs, so that it can be written when the job has filled the disk.

    Raises:
        OSError: There is no room for it now.
    """
    fd = os.open(f"{job_dir}/{EXIT}.new", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(fd, 0, _RESERVED)
    finally:
        os.close(fd)


def write(job_dir: str, ending: Mapping[str, object]) -> None:
    """Write the record.

    Raises:
        OSError: There is no room for it.
    """
    write_whole(job_dir, EXIT, json.dumps(ending).encode())


def of_statuses(statuses: list[int]) -> dict[str, object]:
    """Return the members of a record that come from wait(2): of several tasks, the worst counts.

    Args:
        statuses: One per task. None of them if even SIGKILL did not end it.
    """
    if not statuses:
        return {"error": "Its processes withstand SIGKILL"}
    worst = max(statuses)
    members: dict[str, object] = {"waitstatus": worst}
    if os.WIFSIGNALED(worst):
        members["signal"] = os.WTERMSIG(worst)
    else:
        members["exit_code"] = os.waitstatus_to_exitcode(worst)
    if len(statuses) > 1:
        members["tasks"] = statuses
    return members
