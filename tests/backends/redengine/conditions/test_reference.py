"""Conditions mean what they mean to rocketry 2.5.1, which `record_rocketry` asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opsgate.backends.redengine.conditions import parser, terms
from opsgate.backends.redengine.conditions.clock import NEVER
from tests.backends.redengine.conditions.facts import Stated, at_moments
from tests.backends.redengine.conditions.histories import pasts

RECORDED: dict[str, str] = json.loads(Path(__file__).with_name("rocketry_2_5_1.json").read_text(encoding="utf-8"))
LATER = (0.01, 0.3, 2, 31, 1799, 3601, 40_000, 90_000, 700_000, 3_000_000)


@pytest.fixture(scope="module")
def moments() -> list[tuple[float, Stated]]:
    """When to ask, and what is known then."""
    return at_moments(pasts())


@pytest.mark.parametrize("text", RECORDED)
class TestRecorded:
    def test_says_the_same(self, text: str, moments: list[tuple[float, Stated]]) -> None:
        term = parser.parse(text)
        said = ["1" if term.holds(terms.moment(now, "me", facts)) else "0" for now, facts in moments]
        recorded = f"{int(RECORDED[text], 16):0{len(moments)}b}"
        assert "".join(said) == recorded

    def test_changes_at_no_other_moment_than_it_said(self, text: str, moments: list[tuple[float, Stated]]) -> None:
        term = parser.parse(text)
        for now, facts in moments[::5]:
            asked = terms.moment(now, "me", facts)
            end = term.next_change(asked)
            assert end > now
            for later in [now + seconds for seconds in LATER] + ([end - 1e-3] if end != NEVER else []):
                if now < later < end:
                    assert term.holds(terms.moment(later, "me", facts)) is term.holds(asked), (now, later, end)


class TestTable:
    def test_is_not_all_the_same(self) -> None:
        never = {text for text, bits in RECORDED.items() if not int(bits, 16)}
        assert never < {
            "false", "always false", "env 'prod'", "cron 30 8-18/2 * * MON-FRI", "cron 0 0 1,15 * *",
            "cron 15 10 1 * Mon", "cron 0 9 * 2,11 0", "scheduler has 5 cycles", "scheduler has less than 5 cycles",
            "monthly on 31st", "task 'x' has failed this hour", "task 'x' has started this minute",
            "task 'x' has failed in past 30 min",
        }  # fmt: skip
