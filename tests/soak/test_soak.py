"""Under a steady stream nothing grows with each request. Short here; `python -m tests.soak` takes hours."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.soak import verdict
from tests.soak.samples import STORED
from tests.soak.stream import DOINGS
from tests.soak.watch import watch

SECONDS, EVERY, PAUSE = 22.0, 1.5, 0.1


def test_nothing_grows() -> None:
    with tempfile.TemporaryDirectory(prefix="s-") as directory:
        samples = watch(Path(directory), SECONDS, EVERY, PAUSE)
    found = verdict.judged(samples, verdict.SHORT)
    assert [one for one in found if one.grew] == []
    assert {one.key[1] for one in found if one.key[0] == STORED} >= {"jobs/jobs.db", "redengine/redengine.db"}
    assert {api for sample in samples for kind, api in sample.values if kind == "p50"} == set(DOINGS)
