"""Parameters, returns, configuration, dependencies, export and import, without a scheduler."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from opsgate.backends.errors import Denied, Invalid, NotFound
from opsgate.backends.redengine.conditions import grammar
from opsgate.backends.redengine.port import Document
from tests.backends.redengine.support import Place

pytestmark = pytest.mark.anyio
CONFIG = {
    "use_instance_naming": False, "task_priority": 0, "task_execution": "process", "task_pre_exist": "raise",
    "force_status_from_logs": False, "task_logger_basename": "redengine.task",
    "scheduler_logger_basename": "redengine.scheduler", "silence_task_prerun": True, "silence_cond_check": True,
    "cycle_sleep": None, "debug": False,
}  # fmt: skip


def told(document: Document) -> Any:
    """What a document says."""
    return json.loads(document.body)


class TestSession:
    async def test_a_new_one(self, place: Place) -> None:
        assert told(await place.backend.session()) == {"config": CONFIG, "parameters": {}, "returns": {}, "tasks": []}

    async def test_with_things_in_it(self, place: Place) -> None:
        await place.backend.create("b", {"code": "1"})
        await place.backend.create("a", {"code": "1"})
        await place.backend.patch_returns({"a": [1]})
        await place.backend.patch_parameters({"p": "v"})
        assert told(await place.backend.session()) == {
            "config": CONFIG, "parameters": {"p": "v"}, "returns": {"a": [1]}, "tasks": ["b", "a"],
        }  # fmt: skip


class TestParameters:
    async def test_are_merged(self, place: Place) -> None:
        await place.backend.patch_parameters({"k": 1, "n": {"a": [1]}})
        assert told(await place.backend.patch_parameters({"n": {"b": 2}, "ü": None})) == {
            "k": 1, "n": {"b": 2}, "ü": None,
        }  # fmt: skip
        assert told(await place.backend.parameters()) == {"k": 1, "n": {"b": 2}, "ü": None}

    async def test_nothing(self, place: Place) -> None:
        assert told(await place.backend.patch_parameters({})) == {}

    @pytest.mark.parametrize("body", [[1], "x", 1, None])
    async def test_no_object(self, place: Place, body: Any) -> None:
        for patch in (place.backend.patch_parameters, place.backend.patch_returns, place.backend.patch_config):
            with pytest.raises(Invalid, match="JSON object"):
                await patch(body)


class TestConfig:
    async def test_is_changed(self, place: Place) -> None:
        changed = {
            "task_execution": "main",
            "cycle_sleep": 0.5,
            "debug": True,
            "task_logger_basename": "redengine.task",
        }
        assert told(await place.backend.patch_config(changed)) == told(await place.backend.config()) == CONFIG | changed

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"debug": True, "task_execution": "junk"}, "task_execution: 'junk' is not one of"),
            ({"debug": True, "colour": 1}, "colour: there is no such key"),
            ({"debug": 1}, "debug: 1 is neither"),
            ({"debug": True, "cycle_sleep": -1}, "cycle_sleep: -1 is not within"),
            ({"debug": True, "cycle_sleep": True}, "cycle_sleep: True is neither"),
            ({"debug": True, "task_priority": 1.5}, "task_priority: 1.5 is no whole number"),
            ({"debug": True, "task_pre_exist": None}, "task_pre_exist: None is not one of"),
            ({"debug": True, "task_logger_basename": "x"}, "task_logger_basename: it is 'redengine.task'"),
        ],
    )
    async def test_all_or_nothing(self, place: Place, members: dict[str, Any], message: str) -> None:
        with pytest.raises(Invalid, match=message):
            await place.backend.patch_config(members)
        assert told(await place.backend.config()) == CONFIG


class TestDependencies:
    async def test_follow_conditions(self, place: Place) -> None:
        await place.backend.create("a", {"code": "1"})
        await place.backend.create("b", {"code": "1", "start_cond": "after task 'a' & after task 'gone' failed"})
        await place.backend.create("c", {"code": "1", "start_cond": "after task 'b' finished"})
        first = {"parent": "a", "child": "b", "relation": "DependSuccess", "type": "All"}
        second = {"parent": "gone", "child": "b", "relation": "DependFailure", "type": "All"}
        third = {"parent": "b", "child": "c", "relation": "DependFinish", "type": None}
        assert told(await place.backend.dependencies()) == [first, second, third]
        assert told(await place.backend.dependencies((("type", "null"),))) == [third]
        assert told(await place.backend.dependencies((("parent$regex", "g"), ("child", "b")))) == [second]
        await place.backend.patch("b", {"start_cond": "after task 'c'", "name": "d"})
        await place.backend.delete("c")
        assert told(await place.backend.dependencies()) == [
            {"parent": "c", "child": "d", "relation": "DependSuccess", "type": None},
        ]  # fmt: skip


class TestExport:
    async def fill(self, place: Place) -> None:
        await place.backend.patch_config({"task_priority": 2})
        await place.backend.patch_parameters({"p": 1})
        await place.backend.create("a", {"code": "1", "timeout": "never", "start_cond": "daily"})
        await place.backend.create("b", {"command": ["ls"], "timeout": "5 min", "parameters": {"x": 1}})
        await place.backend.create("c", {"func": "os:getcwd", "disabled": True})

    async def test_can_be_imported_elsewhere(self, place: Place, tmp_path_factory: pytest.TempPathFactory) -> None:
        await self.fill(place)
        exported = told(await place.backend.export_session())
        other = Place(tmp_path_factory.mktemp("other"))
        done = await other.backend.import_session(exported)
        assert done == {"created": ["a", "b", "c"], "replaced": [], "deleted": []}
        assert told(await other.backend.export_session()) == exported
        assert told(await other.backend.tasks()) == told(await place.backend.tasks())
        await other.close()

    async def test_merge_and_replace(self, place: Place) -> None:
        await self.fill(place)
        document = {
            "format": 1,
            "tasks": [{"name": "b", "code": "2"}, {"name": "n", "code": "3"}],
            "parameters": {"q": 2},
        }
        assert await place.backend.import_session(document) == {"created": ["n"], "replaced": ["b"], "deleted": []}
        assert (await place.names(), told(await place.backend.parameters())) == (["a", "b", "c", "n"], {"p": 1, "q": 2})
        done = await place.backend.import_session(document, "replace")
        assert done == {"created": [], "replaced": ["b", "n"], "deleted": ["a", "c"]}
        assert (await place.names(), told(await place.backend.parameters())) == (["b", "n"], {"q": 2})

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda document: document.pop("format"), "format: None is not 1"),
            (lambda document: document.update(format=2), "format: 2 is not 1"),
            (lambda document: document.update(colour=2), "colour: an export has no such member"),
            (lambda document: document.update(tasks={}), "tasks: it is no list"),
            (lambda document: document["tasks"].append(3), "tasks: 3 is no task"),
            (lambda document: document["tasks"].append({"code": "1"}), "name: None"),
            (lambda document: document["tasks"].append({"name": "a", "code": "1"}), "tasks: 'a' is there twice"),
            (lambda document: document["tasks"].append({"name": "z"}), "tasks: 'z': class: missing"),
            (
                lambda document: document["tasks"].append({"name": "z", "func": "no_such:f"}),
                "tasks: 'z': func: 'no_such:f' cannot be imported",
            ),
            (lambda document: document.update(config={"debug": 3}), "debug: 3"),
            (lambda document: document.update(parameters=[3]), "The parameters are a JSON object"),
        ],
    )
    async def test_all_or_nothing(self, place: Place, change: Callable[[dict[str, Any]], object], message: str) -> None:
        document: dict[str, Any] = {"format": 1, "tasks": [{"name": "a", "code": "1"}], "parameters": {"q": 1}}
        change(document)
        with pytest.raises(Invalid, match=message):
            await place.backend.import_session(document)
        assert (await place.names(), told(await place.backend.parameters())) == ([], {})

    async def test_what_is_not_allowed(self, place: Place) -> None:
        with pytest.raises(Denied, match="tasks: 'a': class: "):
            await place.backend.import_session({"format": 1, "tasks": [{"name": "a", "class": "Restart"}]})


class TestPreview:
    async def test_of_a_task(self, place: Place) -> None:
        await place.backend.create(
            "a", {"code": "1", "start_cond": "cron 0 12 * * * | after task 'b'", "disabled": True}
        )
        preview = await place.backend.preview("a", 2)
        assert (preview["task_name"], preview["disabled"], preview["after"]) == ("a", True, ["b"])
        assert [moment[10:] for moment in preview["next"]] == [" 12:00:00.000000"] * 2

    async def test_of_nothing(self, place: Place) -> None:
        with pytest.raises(NotFound):
            await place.backend.preview("a")


class TestCheckCondition:
    async def test_a_condition(self, place: Place) -> None:
        checked = await place.backend.check_condition("cron 30 4 * * * & ~task 'x' is running", count=1)
        assert [moment[10:] for moment in checked.pop("next")] == [" 04:30:00.000000"]
        assert checked == {
            "condition": "cron 30 4 * * * & ~task 'x' is running", "valid": True, "problem": None, "forms": [],
            "after": ["x"],
        }  # fmt: skip

    @pytest.mark.parametrize("text", ["every ten min", 5, ""])
    async def test_none(self, place: Place, text: object) -> None:
        checked = await place.backend.check_condition(text)
        assert checked.pop("problem").startswith(f"{text!r} is no condition")
        assert checked == {
            "condition": text, "valid": False, "forms": list(grammar.FORMS), "next": [], "after": [],
        }  # fmt: skip

    async def test_for_a_task_that_is_not_there(self, place: Place) -> None:
        with pytest.raises(NotFound):
            await place.backend.check_condition("daily", "a")


class TestScheduler:
    async def test_there_is_none(self, place: Place) -> None:
        assert await place.backend.scheduler() == {
            "alive": False, "pid": None, "since": None, "beat_age": None, "next_due": None, "running": 0, "waiting": 0,
            "tasks": 0,
        }  # fmt: skip
