"""A job's two forms, from attributes as a Flux instance told them."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from opsgate.backends.flux.record import Page, Record

COMPLETED: dict[str, Any] = {
    "id": 804568170496,
    "userid": 0,
    "urgency": 16,
    "priority": 16,
    "t_submit": 1795318643.2005672,
    "t_depend": 1795318643.212763,
    "t_priority": 1795318643.224416,
    "t_sched": 1795318643.2244594,
    "t_run": 1795318643.25,
    "t_cleanup": 1795318643.5,
    "t_inactive": 1795318643.2673616,
    "state": 64,
    "name": "echo",
    "ntasks": 1,
    "ncores": 1,
    "duration": 0.0,
    "nnodes": 1,
    "ranks": "0",
    "nodelist": "vm",
    "success": True,
    "exception_occurred": False,
    "result": 1,
    "expiration": 0.0,
    "annotations": {"sched": {"resource_summary": "rank0/core0"}},
    "waitstatus": 0,
}
PENDING = {name: COMPLETED[name] for name in ("id", "userid", "urgency", "t_submit", "name", "ntasks", "ncores")} | {
    "state": 8
}
RUNNING = PENDING | {"state": 16, "t_run": 1795318643.25}
TIMED_OUT = COMPLETED | {
    "result": 8,
    "success": False,
    "exception_occurred": True,
    "exception_type": "timeout",
    "exception_severity": 0,
    "exception_note": "resource allocation expired",
    "waitstatus": 36352,
}


class TestRaw:
    def test_as_flux_told_it_and_the_short_id(self) -> None:
        raw = orjson.loads(Record(COMPLETED).raw)
        assert raw == COMPLETED | {"f58": "ƒN8owBMZ"}
        assert list(raw)[:2] == ["id", "f58"]


class TestFlat:
    def test_of_a_job_that_completed(self) -> None:
        assert orjson.loads(Record(COMPLETED).flat) == COMPLETED | {
            "f58": "ƒN8owBMZ",
            "state": "INACTIVE",
            "result": "COMPLETED",
            "returncode": 0,
            "runtime": 0.25,
            "exception": {"occurred": False, "severity": "", "type": "", "note": ""},
        }

    def test_of_a_job_with_an_exception(self) -> None:
        flat = orjson.loads(Record(TIMED_OUT).flat)
        assert flat["exception"] == {
            "occurred": True,
            "severity": 0,
            "type": "timeout",
            "note": "resource allocation expired",
        }
        assert (flat["result"], flat["returncode"], flat["waitstatus"]) == ("TIMEOUT", 142, 36352)

    def test_of_a_job_that_waits(self) -> None:
        assert orjson.loads(Record(PENDING).flat) == PENDING | {
            "f58": "ƒN8owBMZ",
            "state": "SCHED",
            "result": "",
            "returncode": "",
            "waitstatus": "",
            "duration": "",
            "runtime": 0.0,
            "exception": {"occurred": "", "severity": "", "type": "", "note": ""},
        }

    def test_of_a_job_that_runs_it_goes_on(self) -> None:
        record = Record(RUNNING | {"t_run": time.time() - 100})
        first, second = (orjson.loads(record.flat)["runtime"] for _ in range(2))
        assert 99.9 < first < second

    @pytest.mark.parametrize(
        ("members", "code"),
        [
            ({"waitstatus": 768}, 3),
            ({"waitstatus": 15}, -15),
            ({"waitstatus": 32512}, 127),
            ({"waitstatus": None, "result": 4}, -128),
            ({"waitstatus": None, "result": 2}, 1),
        ],
    )
    def test_return_codes(self, members: dict[str, Any], code: int) -> None:
        known = {name: value for name, value in (COMPLETED | members).items() if value is not None}
        assert Record(known).returncode == code


class TestTexts:
    def test_are_made_once(self) -> None:
        record = Record(COMPLETED)
        assert record.raw is record.raw
        assert record.flat is record.flat

    def test_of_a_page(self) -> None:
        done, waits = Record(COMPLETED), Record(PENDING | {"id": 1})
        page = Page([waits, done], 7, "x-1")
        assert orjson.loads(page.raw) == [waits.attributes, done.attributes]
        assert orjson.loads(page.flat) == [waits.flattened(), done.flattened()]
        assert orjson.loads(page.flat_by_id()) == {"1": waits.flattened(), "804568170496": done.flattened()}
        assert page.flat is page.flat
        assert (list(page), page[1], len(page), page.total) == ([waits, done], done, 2, 7)

    def test_of_an_empty_page(self) -> None:
        page = Page([], 0, "x-1")
        assert (page.raw, page.flat, page.flat_by_id()) == (b"[]", b"[]", b"{}")


class TestEquality:
    def test_by_what_it_says(self) -> None:
        assert Record(COMPLETED) == Record(dict(COMPLETED))
        assert Record(COMPLETED) != Record(TIMED_OUT)
        assert Record(COMPLETED) != COMPLETED
