"""Jobs that were read lately: who waits for a job reads it again and again, and mostly nothing has changed.

The store says each time whether that is so. It is asked for two numbers instead of a whole row with its texts, which is
half of what reading a job costs.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from opsgate.backends.jobs import store

if TYPE_CHECKING:
    import sqlite3

    from opsgate.backends.jobs.model import Job

MOST: Final = 256  # jobs
LARGEST: Final = 16 * 1024  # characters of all texts of a job: a few megabytes altogether


class Recent:
    """Reads single jobs with one connection.

    Args:
        db: The connection.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._jobs: OrderedDict[tuple[str, str], Job] = OrderedDict()

    def get(self, api: str, job_id: str) -> Job:
        """Return a job as the store has it now.

        Raises:
            NotFound: This API has no such job.
            sqlite3.Error: The store cannot be read.
        """
        kept = self._jobs.get((api, job_id))
        if kept is not None and store.stamp(self._db, kept.seq) == (kept.change, kept.handle):
            return kept
        self._jobs.pop((api, job_id), None)
        job = store.get(self._db, api, job_id)
        if _characters(job) <= LARGEST:
            self._jobs[api, job_id] = job
            if len(self._jobs) > MOST:
                self._jobs.popitem(last=False)
        return job


def _characters(job: Job) -> int:
    return sum(map(len, (job.spec_json, job.status_json, job.extra_json, job.labels_json, job.ending_json or "")))
