"""Jobs as JSON texts, kept: who waits for a job reads it again and again, and mostly nothing has changed."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import orjson

from opsgate.backends.exact import exact
from opsgate.backends.hoplite import record
from opsgate.backends.jobs.model import Job

MOST: Final = 256  # jobs
LARGEST: Final = 16 * 1024  # bytes of a text: four megabytes altogether


class Written:
    """Writes jobs."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, tuple[int, bytes]] = OrderedDict()

    def __call__(self, job: Job) -> bytes:
        """Return a job as `record.describe` has it, as JSON. The number of its last change says whether it is known."""
        kept = self._texts.get(job.id)
        if kept is not None and kept[0] == job.change:
            return kept[1]
        text = exact(orjson.dumps(record.describe(job)))
        self._texts.pop(job.id, None)
        if len(text) <= LARGEST:
            self._texts[job.id] = job.change, text
            if len(self._texts) > MOST:
                self._texts.popitem(last=False)
        return text
