"""Texts of jobs are kept, but never beyond a change."""

from __future__ import annotations

import orjson

from opsgate.backends.hoplite import written
from opsgate.backends.hoplite.record import describe
from tests.backends.hoplite.test_record import job


class TestWritten:
    def test_is_the_job(self) -> None:
        given = job(change=1)
        assert orjson.loads(written.Written()(given)) == describe(given)

    def test_the_same_text_until_the_job_changes(self) -> None:
        write = written.Written()
        first = write(job(change=1, status_json='{"done": 1}'))
        assert write(job(change=1, status_json='{"done": 1}')) is first
        assert orjson.loads(write(job(change=2, status_json='{"done": 2}')))["status"] == {"done": 2}

    def test_the_oldest_goes_first(self) -> None:
        write = written.Written()
        texts = [write(job(id=str(number), change=number)) for number in range(written.MOST + 1)]
        assert write(job(id="0", change=0)) is not texts[0]
        assert write(job(id=str(written.MOST), change=written.MOST)) is texts[-1]

    def test_large_ones_are_not_kept(self) -> None:
        write = written.Written()
        status = orjson.dumps({"text": "x" * written.LARGEST}).decode()
        first = write(job(change=1, status_json=status))
        assert write(job(change=1, status_json=status)) is not first

    def test_one_that_became_large_is_forgotten(self) -> None:
        write = written.Written()
        write(job(change=1))
        status = orjson.dumps({"text": "x" * written.LARGEST}).decode()
        assert orjson.loads(write(job(change=2, status_json=status)))["status"]["text"].startswith("x")
        assert orjson.loads(write(job(change=3)))["status"] == {"state": "sleeping"}
