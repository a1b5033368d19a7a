"""The table of jobs: Flux's order, bounds, pages that are kept, searching."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.flux import search
from opsgate.backends.flux.port import Selection
from opsgate.backends.flux.record import Record
from opsgate.backends.flux.table import Table

ALL = Selection(limit=None)
SCHED, RUN, CLEANUP, INACTIVE = 8, 16, 32, 64


def record(number: int, state: int = SCHED, **members: Any) -> Record:
    known: dict[str, Any] = {"id": number, "state": state, "priority": 16, "name": f"job-{number}"}
    if state == INACTIVE:
        known |= {"result": 1, "t_inactive": float(number)}
    return Record(known | members)


def numbers(table: Table, selection: Selection = ALL) -> list[int]:
    return [found.id for found in table.page(selection)]


@pytest.fixture
def table() -> Table:
    return Table("test", most_inactive=5)


class TestNumbers:
    def test_by_state(self, table: Table) -> None:
        for number, state in enumerate((SCHED, SCHED, RUN, CLEANUP, *[INACTIVE] * 7), start=1):
            table.put(record(number, state))
        table.put(Record({"id": 90, "state": 2}))
        assert table.by_state() == {
            "NEW": 0, "DEPEND": 1, "PRIORITY": 0, "SCHED": 2, "RUN": 1, "CLEANUP": 1, "INACTIVE": 5
        }  # fmt: skip


class TestOrder:
    def test_of_those_that_wait(self, table: Table) -> None:
        for number, priority in ((3, 16), (1, 16), (5, 20), (4, 0), (2, 2**32 - 1)):
            table.put(record(number, priority=priority))
        assert numbers(table) == [2, 5, 1, 3, 4]

    def test_through_a_life(self, table: Table) -> None:
        for number in (1, 2, 3, 4):
            table.put(record(number))
        for number in (2, 1):
            table.put(record(number, RUN))
        assert numbers(table) == [3, 4, 1, 2]
        table.put(record(2, CLEANUP))
        assert numbers(table) == [3, 4, 1, 2]
        table.put(record(2, INACTIVE))
        table.put(record(3, INACTIVE))
        assert numbers(table) == [4, 1, 3, 2]

    def test_a_change_of_priority(self, table: Table) -> None:
        for number in (1, 2, 3):
            table.put(record(number))
        table.put(record(3, priority=31))
        table.put(record(1, priority=0))
        assert numbers(table) == [3, 2, 1]

    def test_one_without_a_priority_yet(self, table: Table) -> None:
        table.put(record(1))
        table.put(Record({"id": 2, "state": 2}))
        assert numbers(table) == [1, 2]
        table.put(record(2))
        table.remove(1)
        assert numbers(table) == [2]

    def test_however_it_came_there(self) -> None:
        chance, table = random.Random(7), Table("test")  # noqa: S311 - the same in each run
        state: dict[int, int] = {}
        for _ in range(2000):
            number = chance.randrange(100)
            if chance.random() < 0.05:
                table.remove(number)
                state.pop(number, None)
                continue
            state[number] = chance.choice([value for value in (SCHED, RUN, INACTIVE) if value >= state.get(number, 0)])
            table.put(record(number, state[number], priority=chance.randrange(32)))
        found = [(row.state, -row.priority if row.state == SCHED else 0, row.id) for row in table.page(ALL)]
        assert [row[:2] for row in found] == sorted(row[:2] for row in found)
        assert {number: value for value, _, number in found} == state
        assert table.page(ALL).total == len(table) == len(state)


class TestBounds:
    def test_the_oldest_that_are_over_go(self, table: Table) -> None:
        table.put(record(100))
        for number in range(1, 9):
            table.put(record(number, INACTIVE))
        assert numbers(table) == [100, 8, 7, 6, 5, 4]
        assert (table.get(3), len(table)) == (None, 6)

    def test_none_of_the_others(self, table: Table) -> None:
        for number in range(20):
            table.put(record(number, RUN if number % 2 else SCHED))
        assert len(numbers(table)) == 20

    def test_clear(self, table: Table) -> None:
        for number, state in enumerate((SCHED, RUN, INACTIVE)):
            table.put(record(number, state))
        table.clear()
        assert (numbers(table), len(table)) == ([], 0)


class TestSelection:
    def test_totals(self, table: Table) -> None:
        for number, state in enumerate((SCHED, 2, RUN, CLEANUP, INACTIVE)):
            table.put(record(number, state))
        totals = {
            states: table.page(Selection(states=states, limit=1)).total
            for states in [(), ("PENDING",), ("RUNNING",), ("ACTIVE",), ("INACTIVE",), ("RUN",), ("DEPEND", "CLEANUP")]
        }
        assert list(totals.values()) == [5, 2, 2, 4, 1, 1, 2]

    @pytest.mark.parametrize("selection", [Selection(states=("sched",)), Selection(results=("DONE",))])
    def test_what_flux_does_not_have(self, table: Table, selection: Selection) -> None:
        with pytest.raises(Invalid, match="is not one of"):
            table.page(selection)

    def test_numbers_below_zero(self, table: Table) -> None:
        table.put(record(1))
        assert numbers(table, Selection(offset=-3)) == [1]
        assert numbers(table, Selection(limit=-3)) == []


class TestPages:
    def test_are_kept_until_a_job_changes(self, table: Table) -> None:
        table.put(record(1))
        page = table.page(ALL)
        assert table.page(Selection(limit=None)) is page
        table.put(record(1, RUN))
        assert table.page(ALL) is not page
        assert page[0].state == SCHED

    def test_tell_which_change_they_show(self, table: Table) -> None:
        table.mark(7)
        page = table.page(ALL)
        assert page.change == table.change == "test-7"
        table.mark(8)
        assert table.page(ALL).change == "test-8"

    def test_not_too_many(self, table: Table) -> None:
        pages = [table.page(Selection(offset=offset)) for offset in range(40)]
        assert table.page(Selection(offset=39)) is pages[39]
        assert table.page(Selection(offset=0)) is not pages[0]


class TestMatcher:
    @pytest.mark.parametrize(
        ("pattern", "text", "found"),
        [
            ("", "anything", True),
            ("echo", "an ECHO", True),
            ("ECHO", "an echo", True),
            ("echo", "an ech o", False),
            ("^a.*o$", "an echo", True),
            ("^n", "an echo", False),
            ("ƒN8", "804568170496 ƒN8owBMZ", True),
            ("echo|sleep", "sleep", True),
            (r"\bslee\b", "sleep", False),
            ("(", "a ( b", True),
            ("(", "a b", False),
            ("[", "x[y", True),
            ("*", "2 * 3", True),
            ("a{1000}{1000}", "a{1000}{1000}", True),
            ("(?=a)", "(?=A)", True),
            ("\\", "a\\b", True),
        ],
    )
    def test_regular_expression_or_text(self, pattern: str, text: str, found: bool) -> None:
        assert search.matcher(pattern)(text) is found

    def test_no_pattern_takes_long(self) -> None:
        matches = search.matcher("(a+)+$")
        before = time.process_time()
        assert not matches("a" * 5000 + "!")
        assert time.process_time() - before < 5
