"""When tasks are due, days and months ahead, in a place where clocks are changed."""

from __future__ import annotations

from datetime import datetime

import pytest

from opsgate.backends.redengine import foresight
from opsgate.backends.redengine.conditions import clock, parser, terms
from tests.backends.redengine.conditions.facts import Stated

ZONE = "Europe/Berlin"  # clocks skip 2027-03-28 02:00 to 03:00, and show 2026-10-25 02:00 to 03:00 twice
NOW = datetime(2026, 10, 22, 14, 30)


def due(text: str, count: int = 4, now: datetime = NOW, facts: Stated | None = None) -> list[str]:
    """The next times at which a task with this condition is due, to the second."""
    found = foresight.foresee(parser.parse(text), "me", facts or Stated(), now.timestamp(), count)
    return [clock.text(at)[:19] for at in found]


class TestDue:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("daily", ["2026-10-22 14:30:00", "2026-10-23 00:00:00", "2026-10-24 00:00:00", "2026-10-25 00:00:00"]),
            ("daily after 15:00", ["2026-10-22 15:00:00", "2026-10-23 15:00:00", "2026-10-24 15:00:00",
                                   "2026-10-25 15:00:00"]),
            ("daily between 22:00 and 02:00", ["2026-10-22 22:00:00", "2026-10-23 22:00:00", "2026-10-24 22:00:00",
                                               "2026-10-25 22:00:00"]),
            ("weekly on Monday", ["2026-10-26 00:00:00", "2026-11-02 00:00:00", "2026-11-09 00:00:00",
                                  "2026-11-16 00:00:00"]),
            ("weekly between Fri 10:00 and Mon", ["2026-10-23 10:00:00", "2026-10-30 10:00:00", "2026-11-06 10:00:00",
                                                  "2026-11-13 10:00:00"]),
            ("monthly on 31st", ["2026-10-31 00:00:00", "2026-12-31 00:00:00", "2027-01-31 00:00:00",
                                 "2027-03-31 00:00:00"]),
            ("monthly starting 2nd", ["2026-10-22 14:30:00", "2026-11-02 00:00:00", "2026-12-02 00:00:00",
                                      "2027-01-02 00:00:00"]),
            ("hourly starting 30:00 & time of day between 16:00 and 18:00",
             ["2026-10-22 16:00:00", "2026-10-22 16:30:00", "2026-10-22 17:30:00", "2026-10-23 16:00:00"]),
            ("cron 0 12 * * *", ["2026-10-23 12:00:00", "2026-10-24 12:00:00", "2026-10-25 12:00:00",
                                 "2026-10-26 12:00:00"]),
            ("cron */20 8-9 * * MON-FRI", ["2026-10-23 08:00:00", "2026-10-23 08:20:00", "2026-10-23 08:40:00",
                                           "2026-10-23 09:00:00"]),
            ("cron 0 0 13 * FRI", ["2026-10-23 00:00:00", "2026-10-30 00:00:00", "2026-11-06 00:00:00",
                                   "2026-11-13 00:00:00"]),
            ("cron 0 0 29 2 *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"]),
            ("cron 5 4 1 JAN,JUL 0", ["2027-01-01 04:05:00", "2027-01-03 04:05:00", "2027-01-10 04:05:00",
                                      "2027-01-17 04:05:00"]),
            ("cron 0 6 * * 5-7", ["2026-10-23 06:00:00", "2026-10-24 06:00:00", "2026-10-25 06:00:00",
                                  "2026-10-30 06:00:00"]),
            ("cron 10/25 1 * * *", ["2026-10-23 01:10:00", "2026-10-23 01:35:00", "2026-10-24 01:10:00",
                                    "2026-10-24 01:35:00"]),
            ("false", []),
            ("another value", []),
            ("after task 'x'", []),
        ],
    )  # fmt: skip
    def test_from_now_on(self, text: str, expected: list[str]) -> None:
        assert due(text) == expected

    def test_always_after_a_short_rest(self) -> None:
        assert foresight.foresee(parser.parse("true"), "me", Stated(), 100.0, 3) == pytest.approx([100.0, 100.1, 100.2])

    def test_not_again_on_the_day_it_ran(self) -> None:
        ran = Stated((("me", "run", NOW.timestamp() - 60), ("me", "fail", NOW.timestamp() - 50)))
        assert due("daily", 2, facts=ran) == ["2026-10-23 00:00:00", "2026-10-24 00:00:00"]

    def test_only_so_far_ahead(self) -> None:
        assert due("minutely & false & daily") == []


class TestChangedClocks:
    def test_intervals_do_not_care(self) -> None:
        ran = Stated((("me", "run", datetime(2026, 10, 25, 2, 50).timestamp()),))
        assert due("every 30 min", 3, datetime(2026, 10, 25, 2, 55), ran) == [
            "2026-10-25 02:20:00", "2026-10-25 02:50:00", "2026-10-25 03:20:00",
        ]  # fmt: skip

    def test_an_hour_that_is_shown_twice_counts_once(self) -> None:
        assert due("daily between 02:00 and 03:00", 3, datetime(2026, 10, 24, 12)) == [
            "2026-10-25 02:00:00", "2026-10-26 02:00:00", "2026-10-27 02:00:00",
        ]  # fmt: skip

    def test_but_the_clock_strikes_in_both(self) -> None:
        assert due("hourly", 4, datetime(2026, 10, 25, 1, 30)) == [
            "2026-10-25 01:30:00", "2026-10-25 02:00:00", "2026-10-25 03:00:00", "2026-10-25 04:00:00",
        ]  # fmt: skip

    def test_an_hour_that_is_left_out_begins_when_it_is_over(self) -> None:
        assert due("daily after 02:30", 3, datetime(2027, 3, 27, 12)) == [
            "2027-03-27 12:00:00", "2027-03-28 03:30:00", "2027-03-29 02:30:00",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "text", ["daily", "hourly", "minutely", "daily between 02:30 and 02:45", "cron 30 2 * * *"]
    )
    @pytest.mark.parametrize("day", [datetime(2026, 10, 25), datetime(2027, 3, 28)])
    def test_the_next_change_is_always_ahead(self, text: str, day: datetime) -> None:
        term = parser.parse(text)
        for minutes in range(0, 6 * 60, 7):
            now = day.timestamp() + minutes * 60 + 0.5
            assert term.next_change(terms.moment(now, "me", Stated())) > now
