"""Attributes with values that cannot be: refused with the reason, and nothing has changed."""

from __future__ import annotations

from typing import Any

import pytest

from opsgate.backends.ecflow import faults, parsing
from opsgate.backends.ecflow.port import Attribute, EcflowBackend
from opsgate.backends.errors import Conflict, Invalid, NotFound, Unauthenticated, Unsupported
from tests.backends.ecflow.everything import flattened
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio

WRONG: list[tuple[Attribute, str]] = [
    (Attribute("variable", "V"), "value is missing"),
    (Attribute("label", "l"), "value is missing"),
    (Attribute("meter", "m"), "min is missing"),
    (Attribute("meter", "m", minimum=0), "max is missing"),
    (Attribute("meter", "m", minimum=5, maximum=5), "must be less than"),
    (Attribute("meter", "m", 11, minimum=0, maximum=10), "outside the meter's 0 to 10"),
    (Attribute("meter", "m", "x", minimum=0, maximum=10), "a whole number is needed"),
    (Attribute("meter", "m", 1.5, minimum=0, maximum=10), "a whole number is needed"),
    (Attribute("meter", "m", True, minimum=0, maximum=10), "a whole number is needed"),
    (Attribute("meter", "m", minimum=0, maximum=2**31), "a whole number is needed"),
    (Attribute("meter", "m", minimum=0, maximum="\u0661"), "a whole number is needed"),
    (Attribute("event", "e", "maybe"), "no value of an event"),
    (Attribute("limit", "l"), "maximum of a limit is missing"),
    (Attribute("limit", "l", -1), "must not be negative"),
    (Attribute("limit", "l", "many"), "a whole number is needed"),
    (Attribute("inlimit", ""), "is no inlimit"),
    (Attribute("inlimit", "/x:"), "is no inlimit"),
    (Attribute("inlimit", "/x:l\nendsuite"), "is no inlimit"),
    (Attribute("inlimit", "/x:l", 0), "is no inlimit"),
    (Attribute("time"), "time is missing"),
    (Attribute("time", value="25:00"), "is no time"),
    (Attribute("time", value="10:60"), "is no time"),
    (Attribute("time", value="10:00\nendsuite"), "is no time"),
    (Attribute("time", value="10:00 20:00"), "is no time"),
    (Attribute("today", value="-10:00"), "is no today"),
    (Attribute("date", value="32.1.2020"), "is no date"),
    (Attribute("date", value="1.13.2020"), "is no date"),
    (Attribute("date", value="1.1"), "is no date"),
    (Attribute("date", value="0.1.2020"), "is no date"),
    (Attribute("day", value="funday"), "is no day"),
    (Attribute("day", value="Monday"), "is no day"),
    (Attribute("cron", value="-w 7 10:00"), "is no cron"),
    (Attribute("cron", value="-d 32 10:00"), "is no cron"),
    (Attribute("cron", value="-m 0 10:00"), "is no cron"),
    (Attribute("cron", value="-w 0,1"), "is no cron"),
    (Attribute("cron", value="-w 0 -w 1 10:00"), "is no cron"),
    (Attribute("cron", value="10:00 # \nendsuite"), "is no cron"),
    (Attribute("late", value="10:00"), "is no late"),
    (Attribute("late", value="-s +00:01 -s +00:02"), "is no late"),
    (Attribute("late", value=""), "is no late"),
    (Attribute("complete", value=""), "complete '' ends too early"),
    (Attribute("trigger", value="u =="), "trigger 'u ==' cannot be read"),
    (Attribute("trigger", value="1 == 1 == 1"), "cannot be read at '== 1'"),
    (Attribute("trigger", value="u == complete\nendsuite\nsuite evil"), "cannot be read at 'endsuite"),
    (Attribute("trigger", value="u == complete # x"), "cannot be read at '# x'"),
    (Attribute("trigger", value="nope == complete"), "there is no nope"),
    (Attribute("repeat"), "repeat is missing"),
    (Attribute("repeat", value="integer I 1"), "is no repeat"),
    (Attribute("repeat", value="integer I 1 9 0"), "cannot run from 1 to 9"),
    (Attribute("repeat", value="integer I 9 1 1"), "cannot run from 9 to 1"),
    (Attribute("repeat", value="date D 20201301 20201302"), "cannot run from"),
    (Attribute("repeat", value="enumerated E"), "is no repeat"),
    (Attribute("repeat", value='enumerated E "a#b"'), "is no value of a repeat"),
    (Attribute("repeat", value="nonsense N 1 2"), "is no repeat"),
    (Attribute("repeat", value='datelist D "20200101" "20200230"'), "are not all dates"),
    (Attribute("repeat", value="datelist D 2020010"), "are not all dates"),
    (Attribute("queue", "q"), "list of steps is missing"),
    (Attribute("queue", "q", ""), "is no step of a queue"),
    (Attribute("queue", "q", "a#b"), "is no step of a queue"),
    (Attribute("generic", "g", " "), "is no value of a generic"),
    (Attribute("zombie", "ecf"), "is no zombie"),
    (Attribute("zombie", "nonsense:fob"), "is no zombie"),
    (Attribute("zombie", "ecf:nonsense"), "is no zombie"),
    (Attribute("zombie", "ecf:fob:nonsense:1"), "is no zombie"),
    (Attribute("zombie", "ecf:fob:init:x"), "is no lifetime"),
    (Attribute("autocancel", value="soon"), "is no autocancel"),
    (Attribute("autocancel", value="+24:00"), "is no autocancel"),
    (Attribute("autocancel", value="-1"), "is no autocancel"),
    (Attribute("autorestore", value="f"), "is no path of a node"),
    (Attribute("autorestore", value=""), "is no path of a node"),
    (Attribute("autorestore", value="/nope"), "no suite or family /nope"),
]


def own(server: EcflowServer, suite: str) -> list[object]:
    """What the server knows of a suite, without its clock."""
    definition = parsing.definition(server.definition())
    return [one for one in flattened(definition) if str(one).startswith(f"('/{suite}")]


@pytest.mark.parametrize(("attribute", "message"), WRONG, ids=lambda one: repr(one)[:60])
async def test_values_that_cannot_be(
    attribute: Attribute, message: str, backend: EcflowBackend, server: EcflowServer, suite: str
) -> None:
    before = own(server, suite)
    with pytest.raises(Invalid, match=message.replace("(", r"\(")):
        await backend.attributes.add_attribute(f"/{suite}/f/t", attribute)
    assert own(server, suite) == before
    assert server.running


CHANGES: list[tuple[str, Attribute, str]] = [
    ("meter m 0 10", Attribute("meter", "m", 11), "outside the meter's 0 to 10"),
    ("meter m 0 10", Attribute("meter", "m", 1, minimum=1), "min of meter m is 0: it cannot be changed"),
    ("meter m 0 10", Attribute("meter", "m"), "value is missing"),
    ("event e", Attribute("event", "e"), "value is missing"),
    ("limit l 3", Attribute("limit", "l"), "neither value nor max is given"),
    ("limit l 3", Attribute("limit", "l", -1), "must not be negative"),
    ("repeat integer I 1 9", Attribute("repeat", value=10), "outside of repeat I, 1 to 9"),
    ("repeat integer I 1 9", Attribute("repeat", value="x"), "a whole number is needed"),
    ('repeat string S "a" "b"', Attribute("repeat", value="c"), "is no value of repeat S: a, b"),
    ("time 10:00", Attribute("time", value="x", old_value="10:00"), "is no time"),
    ("time 10:00", Attribute("time", value="11:00"), "old_value is missing"),
    ("date 1.1.2030", Attribute("date", value="x", old_value="1.1.2030"), "is no date"),
    ("day monday", Attribute("day", value="x", old_value="monday"), "is no day"),
    ("cron 10:00", Attribute("cron", value="x", old_value="10:00"), "is no cron"),
    ("trigger u == complete", Attribute("trigger", value="nope == complete"), "there is no nope"),
    ("trigger u == complete", Attribute("trigger", value="1 == 1 == 1"), "cannot be read"),
]


@pytest.mark.parametrize(("line", "attribute", "message"), CHANGES)
async def test_changes_that_cannot_be(
    line: str, attribute: Attribute, message: str, backend: EcflowBackend, server: EcflowServer, suite: str
) -> None:
    await backend.nodes.put_child(f"/{suite}/f", f"task t\n  {line}\n")
    before = own(server, suite)
    with pytest.raises(Invalid, match=message):
        await backend.attributes.change_attribute(f"/{suite}/f/t", attribute)
    assert own(server, suite) == before


@pytest.mark.parametrize(
    "kind",
    [
        "variable",
        "label",
        "meter",
        "event",
        "limit",
        "queue",
        "generic",
        "inlimit",
        "zombie",
        "time",
        "today",
        "date",
        "day",
        "cron",
    ],
)
async def test_deleting_never_means_all(kind: Any, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
    lines = "\n".join(
        ["edit V '1'", 'label l ""', "meter m 0 1", "event e", "limit l 1", "queue q a", "generic g 1", "inlimit l",
         "zombie ecf:fob::", "time 10:00", "today 10:00", "date 1.1.2030", "day monday", "cron 10:00"]
    )  # fmt: skip
    await backend.nodes.put_child(f"/{suite}/f", f"task t\n{lines}\n")
    before = own(server, suite)
    for attribute in (Attribute(kind), Attribute(kind, "", ""), Attribute(kind, " ", " ")):
        with pytest.raises((Invalid, NotFound)):
            await backend.attributes.delete_attribute(f"/{suite}/f/t", attribute)
    assert own(server, suite) == before


async def test_both_of_what_the_server_takes_one_of(backend: EcflowBackend, suite: str) -> None:
    for first, second in (
        (Attribute("cron", value="10:00"), Attribute("repeat", value="integer I 1 2")),
        (Attribute("repeat", value="integer I 1 2"), Attribute("cron", value="10:00")),
        (Attribute("autocancel", value="3"), Attribute("autoarchive", value="3")),
        (Attribute("autoarchive", value="3"), Attribute("autocancel", value="3")),
    ):
        await backend.nodes.put_child(f"/{suite}", "family g\nendfamily")
        await backend.attributes.add_attribute(f"/{suite}/g", first)
        with pytest.raises(Conflict, match="does not take it"):
            await backend.attributes.add_attribute(f"/{suite}/g", second)


async def test_a_second_command_that_fails_is_taken_back(
    backend: EcflowBackend, server: EcflowServer, suite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute("date", value="1.1.2030"))
    monkeypatch.setattr("opsgate.backends.ecflow.values.timed", lambda *_: "31.31.3131")  # our own look is switched off
    with pytest.raises(Invalid):
        await backend.attributes.change_attribute(
            f"/{suite}/f/t", Attribute("date", value="31.31.3131", old_value="1.1.2030")
        )
    assert "date 1.1.2030" in server.definition()


@pytest.mark.parametrize(
    ("text", "meaning", "words"),
    [
        (
            " [ authentication failed ] User 'bob' is not allowed any access.",
            Unauthenticated,
            "[ authentication failed ]",
        ),
        (" ->Server:vm@3141 (5.9.2) replied with: Invalid argument", Unsupported, "Invalid argument"),
        ("Could not find node at path '/x'", NotFound, "Could not find node"),
        ("Cannot find node at path '/x' ", NotFound, "Cannot find node"),
        ("Could not find referenced node /x", Invalid, "Could not find referenced node"),
        ("Add Suite failed: A Suite of name 'x' already exist", Conflict, "Add Suite failed"),
        (
            "Cannot replace node TASK:/x because it has 1 tasks which are active or submitted",
            Conflict,
            "Cannot replace",
        ),
        ("something new", Invalid, "something new"),
        ("", Invalid, "ecflow_server refused"),
        ("Could not parse\nEcflow version(5.9.2) boost(1.74.0)\n", Invalid, "Could not parse"),
    ],
)
def test_refusals_by_meaning(text: str, meaning: type[Exception], words: str) -> None:
    error = faults.of_text(text)
    assert type(error) is meaning
    assert error.message.startswith(words)
    assert "Ecflow version" not in error.message


def test_zombies_of_newer_kinds() -> None:
    assert faults.zombie(99, "/s/t").details == {"zombie_type": "unknown"}
    assert faults.zombie("?", "/s/t").details == {"zombie_type": "unknown"}
