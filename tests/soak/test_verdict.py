"""What counts as growth: by made-up samples."""

from __future__ import annotations

import random

import pytest

from tests.soak import table
from tests.soak.samples import DESCRIPTORS, MEDIAN, MEMORY, Key, Sample
from tests.soak.verdict import ALL, SIZES, Judged, judged

MIB = 2**20
WORKER: Key = (MEMORY, "worker 7")


def samples(*values: float, key: Key = WORKER) -> list[Sample]:
    return [Sample(15.0 * number, 100, {key: value}) for number, value in enumerate(values, start=1)]


def grew(*values: float, key: Key = WORKER) -> bool:
    (found,) = judged(samples(*values, key=key), ALL)
    return found.grew


class TestGrowth:
    def test_is_what_goes_on(self) -> None:
        assert grew(*(100 * MIB + number * MIB for number in range(40)))

    def test_is_one_descriptor_a_minute_in_an_hour(self) -> None:
        assert grew(*(40 + number // 4 for number in range(240)), key=(DESCRIPTORS, "scheduler"))

    def test_is_no_warm_up(self) -> None:
        assert not grew(*range(0, 100 * MIB, 10 * MIB), *[100 * MIB] * 30)

    def test_is_no_noise(self) -> None:
        chance = random.Random(1)  # noqa: S311 - noise
        assert not grew(*(100 * MIB + chance.uniform(-8, 8) * MIB for _ in range(40)))

    def test_is_no_single_peak(self) -> None:
        assert not grew(*[100.0] * 39, 1e9)

    def test_is_no_shrinking(self) -> None:
        assert not grew(*(100 * MIB - number * MIB for number in range(40)))

    def test_of_latencies_is_twice_as_much(self) -> None:
        assert grew(*[0.03] * 25, *[0.07] * 15, key=(MEDIAN, "flux"))
        assert not grew(*[0.03] * 25, *[0.04] * 15, key=(MEDIAN, "flux"))


class TestSamples:
    def test_are_too_few(self) -> None:
        with pytest.raises(ValueError, match="^4 samples are too few to be judged$"):
            judged(samples(1, 2, 3, 4), ALL)

    def test_miss_a_process_that_was_replaced(self) -> None:
        replaced = samples(*[1.0] * 10) + samples(*[1.0] * 10, key=(MEMORY, "worker 8"))
        with pytest.raises(ValueError, match="^memory of worker 7 was seen in 5 of 15 samples$"):
            judged(replaced, ALL)

    def test_may_miss_answers(self) -> None:
        some = samples(*[1.0] * 10, key=(MEDIAN, "flux"))
        assert judged([*some, *(Sample(0, 0, {}) for _ in range(2))], ALL) == [Judged((MEDIAN, "flux"), 1, 1, 1.5)]

    def test_of_kinds_that_are_not_asked_for_are_left_out(self) -> None:
        assert judged(samples(*[1.0] * 10, key=(MEDIAN, "flux")), SIZES) == []


def test_tables() -> None:
    """A line has what the head says; the verdict says what grew."""
    sample = Sample(
        30, 100, {WORKER: 3 * MIB, ("memory", "scheduler"): MIB, ("p50", "flux"): 0.004, ("p99", "ecflow"): 1}
    )
    assert table.row(sample, 15) == "| 0.5 | 6.7 | 3.0, 1.0 |  |  |  | 0.00 | 0 | 4 | 1000 |"
    assert table.HEAD.splitlines()[0].count("|") == table.row(sample, 15).count("|")
    assert table.verdict([Judged(WORKER, MIB, 9 * MIB, 2 * MIB)]).splitlines()[2] == (
        "| memory of worker 7 | 1.0 | 9.0 | 2.0 | grew |"
    )
