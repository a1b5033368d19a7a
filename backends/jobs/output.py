"""Reading what a job wrote, while it runs and after."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from opsgate.backends.jobs.layout import STDERR, STDOUT
from opsgate.backends.jobs.model import Output

if TYPE_CHECKING:
    from opsgate.backends.jobs.layout import Layout
    from opsgate.backends.jobs.model import Job

Stream = Literal["stdout", "stderr"]
_FILES: dict[Stream, str] = {"stdout": STDOUT, "stderr": STDERR}


def path(layout: Layout, job_id: str, stream: Stream) -> str:
    """Return the file of a stream."""
    return f"{layout.job(job_id)}/{_FILES[stream]}"


def read(layout: Layout, job: Job, stream: Stream, offset: int, limit: int) -> Output:
    """Return a piece of a stream.

    Args:
        layout: The state directory.
        job: The job, read before: so that nothing is missed when it is said to be complete.
        stream: The stream.
        offset: Where to start; from its end where negative, as in Python's slices.
        limit: Bytes at most.

    Raises:
        OSError: It is there and cannot be read.
    """
    try:
        fd = os.open(path(layout, job.id, stream), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # not started yet, or never
        return Output(b"", 0, 0, 0, job.is_finished)
    try:
        size = os.fstat(fd).st_size
        start = min(size, offset) if offset >= 0 else max(0, size + offset)
        data = os.pread(fd, limit, start)
    finally:
        os.close(fd)
    after = start + len(data)
    return Output(data, start, after, max(size, after), job.is_finished and after >= size)


def read_last_lines(layout: Layout, job: Job, stream: Stream, lines: int, limit: int) -> Output:
    """Return the last lines of a stream, as far as they fit into the limit; arguments as for `read`."""
    piece = read(layout, job, stream, -limit, limit) if limit else read(layout, job, stream, 0, 0)
    kept = b"".join(piece.data.splitlines(keepends=True)[-lines:]) if lines else b""
    return piece._replace(data=kept, offset=piece.next - len(kept))
