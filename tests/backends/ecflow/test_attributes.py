"""Attributes by users: every kind created, read, changed and deleted on a real server."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from opsgate.backends.ecflow.port import Attribute, EcflowBackend
from opsgate.backends.errors import Conflict, Invalid, NotFound, Unsupported

pytestmark = pytest.mark.anyio


async def read(backend: EcflowBackend, path: str, key: str) -> Any:
    shown = orjson.loads((await backend.attributes.attributes(path)).body)
    if key == "variables":
        return [one for one in shown[key] if "generated" not in one]
    return shown[key]


LATE = {
    "submitted": {"value": "00:01"},
    "active": {"value": "14:30"},
    "complete": {"value": "00:01"},
    "complete_is_relative": True,
    "is_late": False,
    "value": "-s +00:01 -a 14:30 -c +00:01",
}
LATER = {
    "submitted": {"value": "00:00"},
    "active": {"value": "00:00"},
    "complete": {"value": "00:01"},
    "complete_is_relative": True,
    "is_late": False,
    "value": "-c +00:01",
}


def expression(text: str) -> dict[str, object]:
    return {"free": False, "expressions": [{"expression": text, "type": "FIRST"}], "value": text}


def event(name: str, *, value: bool, number: int | None = None) -> dict[str, object]:
    return {"name": name, "value": value, "initial_value": False, "number": number}


KINDS: dict[str, tuple[str, Attribute, object, Attribute | None, object, Attribute, object]] = {
    # key, what is added, how it reads; what is changed, how it reads; what is deleted, how it reads
    "variable": (
        "variables",
        Attribute("variable", "V", "one two"),
        [{"name": "V", "value": "one two", "const": False}],
        Attribute("variable", "V", 3),
        [{"name": "V", "value": "3", "const": False}],
        Attribute("variable", "V"),
        [],
    ),
    "label": (
        "labels",
        Attribute("label", "l", "bar"),
        [{"name": "l", "value": "bar"}],
        Attribute("label", "l", "baz"),
        [{"name": "l", "value": "baz"}],
        Attribute("label", "l"),
        [],
    ),
    "meter": (
        "meters",
        Attribute("meter", "m", "10", minimum="0", maximum="20"),
        [{"name": "m", "min": 0, "max": 20, "value": 10}],
        Attribute("meter", "m", 15, minimum=0, maximum=20),
        [{"name": "m", "min": 0, "max": 20, "value": 15}],
        Attribute("meter", "m"),
        [],
    ),
    "event": (
        "events",
        Attribute("event", "e", "set"),
        [event("e", value=True)],
        Attribute("event", "e", False),
        [event("e", value=False)],
        Attribute("event", "e"),
        [],
    ),
    "numbered event": (
        "events",
        Attribute("event", "7"),
        [event("", value=False, number=7)],
        Attribute("event", "7", "true"),
        [event("", value=True, number=7)],
        Attribute("event", "7"),
        [],
    ),
    "limit": (
        "limits",
        Attribute("limit", "lim", "0"),
        [{"name": "lim", "value": 0, "limit": 0}],
        Attribute("limit", "lim", "6", maximum=9),
        [{"name": "lim", "value": 6, "limit": 9}],
        Attribute("limit", "lim"),
        [],
    ),
    "inlimit": (
        "inlimits",
        Attribute("inlimit", "{suite}:top"),
        [{"value": "inlimit {suite}:top"}],
        Attribute("inlimit", "{suite}:top", 2),
        [{"value": "inlimit {suite}:top 2"}],
        Attribute("inlimit", "{suite}:top"),
        [],
    ),
    "inlimit of submission": (
        "inlimits",
        Attribute("inlimit", "-s {suite}:top", 3),
        [{"value": "inlimit -s {suite}:top 3"}],
        Attribute("inlimit", "{suite}:top", 1),
        [{"value": "inlimit -s {suite}:top"}],
        Attribute("inlimit", "{suite}:top"),
        [],
    ),
    "time": (
        "times",
        Attribute("time", value="+00:20"),
        [{"value": "+00:20"}],
        Attribute("time", value="+00:25", old_value="+00:20"),
        [{"value": "+00:25"}],
        Attribute("time", value="+00:25"),
        [],
    ),
    "today": (
        "todays",
        Attribute("today", value="03:00"),
        [{"value": "03:00", "free": False, "expired": False}],
        Attribute("today", value="03:00 05:00 01:00", old_value="03:00"),
        [{"value": "03:00 05:00 01:00", "free": False, "expired": False}],
        Attribute("today", value="03:00 05:00 01:00"),
        [],
    ),
    "date": (
        "dates",
        Attribute("date", value="1.*.*"),
        [{"value": "1.*.*", "free": False}],
        Attribute("date", value="2.*.*", old_value="1.*.*"),
        [{"value": "2.*.*", "free": False}],
        Attribute("date", value="2.*.*"),
        [],
    ),
    "day": (
        "days",
        Attribute("day", value="monday"),
        [{"value": "monday", "free": False, "expired": False}],
        Attribute("day", value="tuesday", old_value="monday"),
        [{"value": "tuesday", "free": False, "expired": False}],
        Attribute("day", value="tuesday"),
        [],
    ),
    "cron": (
        "crons",
        Attribute("cron", value="-w 0,1 10:00"),
        [{"value": "-w 0,1 10:00"}],
        Attribute("cron", value="23:00", old_value="-w 0,1 10:00"),
        [{"value": "23:00"}],
        Attribute("cron", value="23:00"),
        [],
    ),
    "late": (
        "late",
        Attribute("late", value="-s +00:01 -a 14:30 -c +00:01"),
        LATE,
        Attribute("late", value="-c +00:01", old_value="-s +00:01 -a 14:30 -c +00:01"),
        LATER,
        Attribute("late", value="-c +00:01"),
        None,
    ),
    "complete": (
        "complete",
        Attribute("complete", value="u eq complete"),
        expression("u eq complete"),
        Attribute("complete", value="u eq active"),
        expression("u eq active"),
        Attribute("complete", value="u eq active"),
        None,
    ),
    "trigger": (
        "trigger",
        Attribute("trigger", value="u == complete and {suite}:TOP == 1"),
        expression("u == complete and {suite}:TOP == 1"),
        Attribute("trigger", value="u != aborted"),
        expression("u != aborted"),
        Attribute("trigger"),
        None,
    ),
    "repeat": (
        "repeat",
        Attribute("repeat", value="integer I 1 9 2"),
        {"name": "I", "start": 1, "end": 9, "step": 2, "value": 1},
        Attribute("repeat", value=3),
        {"name": "I", "start": 1, "end": 9, "step": 2, "value": 3},
        Attribute("repeat"),
        None,
    ),
    "repeat of dates": (
        "repeat",
        Attribute("repeat", value="date YMD 20200101 20200105"),
        {"name": "YMD", "start": 20200101, "end": 20200105, "step": 1, "value": 20200101},
        Attribute("repeat", value="20200103"),
        {"name": "YMD", "start": 20200101, "end": 20200105, "step": 1, "value": 20200103},
        Attribute("repeat"),
        None,
    ),
    "repeat of words": (
        "repeat",
        Attribute("repeat", value='enumerated E "x" "y"'),
        {"name": "E", "index": 0, "value": "x", "values": ["x", "y"]},
        Attribute("repeat", value="y"),
        {"name": "E", "index": 1, "value": "y", "values": ["x", "y"]},
        Attribute("repeat"),
        None,
    ),
    "repeat of days": (
        "repeat",
        Attribute("repeat", value="day 1"),
        {"name": "day", "value": 1, "valid": True},
        None,
        None,
        Attribute("repeat"),
        None,
    ),
    "queue": (
        "queues",
        Attribute("queue", "q", "a b c"),
        [{"name": "q", "index": 0, "value": "a", "queue": ["a", "b", "c"]}],
        Attribute("queue", "q", "x y"),
        [{"name": "q", "index": 0, "value": "x", "queue": ["x", "y"]}],
        Attribute("queue", "q"),
        [],
    ),
    "generic": (
        "generics",
        Attribute("generic", "g", "1 2"),
        [{"name": "g", "values": ["1", "2"]}],
        Attribute("generic", "g", "3"),
        [{"name": "g", "values": ["3"]}],
        Attribute("generic", "g"),
        [],
    ),
    "zombie": (
        "zombies",
        Attribute("zombie", "ecf:fob:init,event:300"),
        [{"type": "ecf", "action": "fob", "child_commands": "init,event", "lifetime": 300}],
        Attribute("zombie", value="ecf:block::900"),
        [{"type": "ecf", "action": "block", "child_commands": "", "lifetime": 900}],
        Attribute("zombie", "ecf"),
        [],
    ),
    "autocancel": (
        "autocancel",
        Attribute("autocancel", value="+01:00"),
        {"relative": True, "days": False, "time": {"value": "01:00"}, "value": "+01:00"},
        Attribute("autocancel", value="3"),
        {"relative": True, "days": True, "time": {"value": "72:00"}, "value": "3"},
        Attribute("autocancel"),
        None,
    ),
    "autorestore": (
        "autorestore",
        Attribute("autorestore", value="{suite}/f"),
        {"value": "{suite}/f"},
        Attribute("autorestore", value="{suite} {suite}/f"),
        {"value": "{suite} {suite}/f"},
        Attribute("autorestore"),
        None,
    ),
}


def of(suite: str, value: Any) -> Any:
    """Put the path of the suite where a value says so."""
    if isinstance(value, str):
        return value.replace("{suite}", f"/{suite}")
    if isinstance(value, list):
        return [of(suite, one) for one in value]
    if isinstance(value, dict):
        return {key: of(suite, one) for key, one in value.items()}
    if isinstance(value, Attribute):
        fields = ("kind", "name", "value", "old_value", "minimum", "maximum")
        return Attribute(*(of(suite, getattr(value, field)) for field in fields))
    return value


@pytest.mark.parametrize("kind", KINDS)
class TestEachKind:
    async def test_is_added_changed_and_deleted(self, kind: str, backend: EcflowBackend, suite: str) -> None:
        key, added, as_added, changed, as_changed, deleted, as_deleted = KINDS[kind]
        path = f"/{suite}/f/t"
        await backend.attributes.add_attribute(f"/{suite}", Attribute("limit", "top", 5))
        await backend.attributes.add_attribute(f"/{suite}", Attribute("variable", "TOP", 1))
        await backend.attributes.add_attribute(path, of(suite, added))
        assert await read(backend, path, key) == of(suite, as_added)
        if changed is not None:
            await backend.attributes.change_attribute(path, of(suite, changed))
            assert await read(backend, path, key) == of(suite, as_changed)
        await backend.attributes.delete_attribute(path, of(suite, deleted))
        assert await read(backend, path, key) == as_deleted

    async def test_is_unknown_before(self, kind: str, backend: EcflowBackend, suite: str) -> None:
        _, _, _, changed, _, deleted, _ = KINDS[kind]
        path = f"/{suite}/f/t"
        for attempt, attribute in (("change", changed), ("delete", deleted)):
            if attribute is not None:
                with pytest.raises(NotFound):
                    await getattr(backend.attributes, f"{attempt}_attribute")(path, of(suite, attribute))

    async def test_is_not_added_twice(self, kind: str, backend: EcflowBackend, suite: str) -> None:
        _, added, *_ = KINDS[kind]
        await backend.attributes.add_attribute(f"/{suite}", Attribute("limit", "top", 5))
        await backend.attributes.add_attribute(f"/{suite}", Attribute("variable", "TOP", 1))
        await backend.attributes.add_attribute(f"/{suite}/f/t", of(suite, added))
        if kind == "variable":  # the server puts the new one in its place
            await backend.attributes.add_attribute(f"/{suite}/f/t", of(suite, added))
            return
        with pytest.raises(Conflict):
            await backend.attributes.add_attribute(f"/{suite}/f/t", of(suite, added))


class TestOfFamilies:
    async def test_an_autoarchive_is_added_changed_and_deleted(self, backend: EcflowBackend, suite: str) -> None:
        path = f"/{suite}/f"
        await backend.attributes.add_attribute(path, Attribute("autoarchive", value="+01:00"))
        shown = {"relative": True, "days": False, "time": {"value": "01:00"}, "value": "+01:00"}
        assert await read(backend, path, "autoarchive") == shown
        await backend.attributes.change_attribute(path, Attribute("autoarchive", value="0"))
        shown = {"relative": True, "days": True, "time": {"value": "00:00"}, "value": "0"}
        assert await read(backend, path, "autoarchive") == shown
        await backend.attributes.delete_attribute(path, Attribute("autoarchive"))
        assert await read(backend, path, "autoarchive") is None

    async def test_an_idle_one_says_so(self, backend: EcflowBackend, suite: str) -> None:
        path = f"/{suite}/f"
        await backend.attributes.add_attribute(path, Attribute("autoarchive", value="10:00 -i"))
        shown = {"relative": False, "days": False, "time": {"value": "10:00"}, "value": "10:00 -i", "idle": True}
        assert await read(backend, path, "autoarchive") == shown

    async def test_a_task_cannot_be_archived(self, backend: EcflowBackend, suite: str) -> None:
        with pytest.raises(Invalid, match="only suites and families"):
            await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute("autoarchive", value="1"))


@pytest.mark.parametrize("kind", ["aviso", "mirror"])
class TestNewerKinds:
    async def test_need_a_newer_server(self, kind: Any, backend: EcflowBackend, suite: str) -> None:
        with pytest.raises(Unsupported, match="needs ecflow_server 5.13; this one is 5.9.2"):
            await backend.attributes.add_attribute(f"/{suite}/f/t", Attribute(kind, "a", "--x y"))
