"""Which texts are conditions."""

from __future__ import annotations

import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.redengine.conditions import grammar, links, parser, terms
from opsgate.backends.redengine.conditions.terms import After, All, Always, AnyOf, Not, Parameter, Running
from tests.backends.redengine.conditions.facts import Stated

REFUSED = [
    "every day", "every ten min", "always", "never", "past 10 min", "after task x", 'after task "x"',
    "after task 'x' terminated", "Daily", "yearly", "once", "not daily", "daily and hourly", "daily &", "((daily)",
    "()", "", "~", "time of day between 25:00 and 26:00", "*/5 * * * *", "every 0 s", "every -5 s", "every 10",
    "run daily", "  ", "daily hourly", "daily (hourly)", "(daily) (hourly)", "daily)", "& daily", "daily || hourly",
    "~&", "another", "time of day", "time of day between 10:00", "daily between 10:00 and", "daily after 24:00",
    "daily after 10", "daily after 10:60", "hourly after 60:00", "minutely after 60", "weekly on Someday",
    "monthly on 32nd", "monthly on 0th", "has failed today past 2 hours", "every 200 years", "cron x", "cron * * * *",
    "cron 60 * * * *", "cron * * 30 2 *", "cron */0 * * * *", "cron * * * * MON-XYZ", "scheduler has five cycles",
    "daily after 13 PM", "task 'x' has exploded", "(" * 60 + "daily" + ")" * 60, "daily & " * 400 + "daily",
]  # fmt: skip


class TestRefused:
    @pytest.mark.parametrize("text", REFUSED)
    def test_with_the_text_and_forms(self, text: str) -> None:
        with pytest.raises(Invalid) as caught:
            parser.parse(text)
        assert caught.value.message.startswith(f"{text[:200]!r} is no condition: ")
        assert caught.value.details == {"forms": list(grammar.FORMS)}


class TestAccepted:
    @pytest.mark.parametrize("text", grammar.FORMS)
    def test_each_example(self, text: str) -> None:
        parser.parse(text)

    def test_the_example_of_the_document_never_holds(self) -> None:
        assert parser.parse("another value") == Always(value=False)

    def test_and_binds_closer_than_or(self) -> None:
        x, y, z = (Running(name) for name in "xyz")
        found = parser.parse("task 'x' is running | task 'y' is running & ~task 'z' is running")
        assert found == AnyOf((x, All((y, Not(z)))))

    def test_a_quote_in_a_name(self) -> None:
        assert parser.parse("after task 'o'k'") == After("o'k", ("success",))

    def test_any_characters_in_a_name(self) -> None:
        assert parser.parse("after task 'täglich\n雪 and more'") == After("täglich\n雪 and more", ("success",))

    def test_several_tasks(self) -> None:
        assert parser.parse("after any tasks 'a', 'b' failed") == AnyOf((After("a", ("fail",)), After("b", ("fail",))))

    def test_blanks_around(self) -> None:
        assert parser.parse("  ( daily )\n") == parser.parse("daily")


class TestParameters:
    @pytest.mark.parametrize(
        ("text", "session", "holds"),
        [
            ("param 'key' exists", {"key": None}, True),
            ("param 'key' exists", {"k": 1, "e": 1, "y": 1}, False),
            ("param 'key' is 'v'", {"key": "v"}, True),
            ("param 'key' is 'v'", {"key": "w"}, False),
            ("param 'key' is '1'", {"key": 1}, True),
            ("param 'key' is 'true'", {"key": True}, True),
            ("param 'key' is '[]'", {"key": []}, False),
            ("env 'test'", {"env": "test"}, True),
        ],
    )
    def test_are_compared_by_their_text(self, text: str, session: dict[str, object], holds: bool) -> None:
        assert parser.parse(text).holds(terms.moment(0.0, "me", Stated(session=session))) is holds
        assert isinstance(parser.parse(text), Parameter)


class TestLinks:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("daily", []),
            ("after task 'a'", [("a", "DependSuccess", None)]),
            ("after task 'a' finished & daily", [("a", "DependFinish", "All")]),
            (
                "after task 'a' | after task 'b' failed",
                [("a", "DependSuccess", "Any"), ("b", "DependFailure", "Any")],
            ),
            ("after tasks 'a', 'b'", [("a", "DependSuccess", "All"), ("b", "DependSuccess", "All")]),
            ("daily | hourly & ~after task 'a'", [("a", "DependSuccess", "All")]),
        ],
    )
    def test_of(self, text: str, expected: list[tuple[str, str, str | None]]) -> None:
        assert [tuple(link) for link in links.links(parser.parse(text))] == expected
