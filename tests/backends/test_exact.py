"""Kept texts take as much memory as they are long."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable

import orjson

from opsgate.backends.exact import exact
from opsgate.backends.flux.record import Record

VALUE = {f"member_{number}": number for number in range(100)}
ATTRIBUTES = {"id": 1, "state": 64, "t_submit": 1.5, "name": "echo", "result": 1, "annotations": VALUE}


def bytes_of(make: Callable[[], bytes], times: int = 50) -> float:
    """How much memory one of them takes."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    made = [make() for _ in range(times)]
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before - sys.getsizeof(made)) / times


def test_is_the_same_text() -> None:
    assert exact(orjson.dumps(VALUE)) == orjson.dumps(VALUE)


def test_takes_no_more_than_it_needs() -> None:
    made = exact(orjson.dumps(VALUE))
    assert bytes_of(lambda: exact(orjson.dumps(VALUE))) < sys.getsizeof(made) + 64


def test_so_do_the_texts_of_jobs() -> None:
    records = [Record({**ATTRIBUTES, "id": number}) for number in range(50)]
    each = iter(records)
    assert bytes_of(lambda: next(each).raw, 49) < 4 * len(next(each).raw)  # its attributes are kept as well
