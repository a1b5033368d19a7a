"""Tasks in the store, without a scheduler."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Conflict, Denied, Invalid, NotFound
from tests.backends.redengine.support import Place

pytestmark = pytest.mark.anyio
CODE = {"class": "CodeTask", "start_cond": "another value", "code": "print('Hello World')"}
COMMON: dict[str, Any] = {
    "status": None, "last_run": None, "last_success": None, "last_fail": None, "last_terminate": None,
    "last_inaction": None, "description": None, "start_cond": "false", "end_cond": "false", "execution": "process",
    "priority": 0, "disabled": False, "force_run": False, "force_termination": False, "on_startup": False,
    "on_shutdown": False, "timeout": None, "daemon": None, "permanent_task": False, "parameters": {},
}  # fmt: skip


class TestCreate:
    async def test_the_example_of_the_document(self, place: Place) -> None:
        created = json.loads((await place.backend.create("my-new-task", CODE)).body)
        assert created == await place.task("my-new-task")
        assert created == COMMON | CODE | {"name": "my-new-task", "output_variable": "return_value"}

    async def test_every_common_member(self, place: Place) -> None:
        members = {
            "start_cond": "daily | after task 'x'", "end_cond": True, "timeout": "1 hour 30 min", "priority": -7,
            "description": "Überall: 雪", "daemon": True, "execution": "main", "disabled": True, "force_run": True,
            "on_startup": True, "on_shutdown": True, "parameters": {"a": [1, {"b": None}]},
        }  # fmt: skip
        await place.backend.create("a b/c".replace("/", "·"), members | {"command": ["ls"], "name": "other"})
        expected = COMMON | members | {"end_cond": "true", "timeout": "0 days 01:30:00", "name": "a b·c"}
        own = {
            "class": "CommandTask",
            "command": ["ls"],
            "shell": False,
            "cwd": None,
            "argform": None,
            "kwds_popen": {},
        }
        assert await place.task("a b·c") == expected | own

    async def test_a_function(self, place: Place) -> None:
        await place.backend.create("f", {"func": "os.path.join", "timeout": "never"})
        own = {"class": "FuncTask", "func": "os.path:join", "path": None, "delay": None, "sys_paths": None}
        assert await place.task("f") == COMMON | own | {"name": "f", "timeout": "never"}

    async def test_a_function_of_a_file_that_is_not_there_yet(self, place: Place) -> None:
        await place.backend.create("f", {"func": "main", "path": "file.py"})
        task = await place.task("f")
        assert (task["func"], task["path"]) == ("main", "file.py")

    async def test_a_function_of_a_directory(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "found_here.py").write_text("def main(): pass\n")
        await place.backend.create("f", {"func": "found_here:main", "sys_paths": [str(tmp_path)]})
        with pytest.raises(Invalid, match=r"^func: 'found_here:main' cannot be imported: ModuleNotFoundError"):
            await place.backend.create("g", {"func": "found_here:main"})

    async def test_in_the_order_of_creation(self, place: Place) -> None:
        for name in ("c", "a", "b"):
            await place.backend.create(name, CODE)
        await place.backend.patch("c", {"priority": 1})
        assert await place.names() == ["c", "a", "b"]

    async def test_of_eight_at_once_one_succeeds(self, place: Place) -> None:
        outcomes = await asyncio.gather(*[place.backend.create("one", CODE) for _ in range(8)], return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict"] * 7 + ["Document"]

    async def test_where_the_name_is_taken(self, place: Place) -> None:
        await place.backend.create("a", CODE)
        before = await place.task("a")
        with pytest.raises(Conflict, match="There is a task 'a' already"):
            await place.backend.create("a", {"code": "other"})
        ignored = await place.backend.create("a", {"code": "other", "on_exists": "ignore"})
        assert json.loads(ignored.body) == await place.task("a") == before
        await place.backend.create("a", {"command": "ls -l", "on_exists": "replace"})
        assert (await place.task("a"))["command"] == "ls -l"
        assert "code" not in await place.task("a")

    async def test_with_the_defaults_of_the_configuration(self, place: Place) -> None:
        await place.backend.patch_config({"task_priority": 3, "task_execution": "thread", "task_pre_exist": "replace"})
        await place.backend.create("a", CODE)
        await place.backend.create("a", {"code": "2"})
        task = await place.task("a")
        assert (task["priority"], task["execution"], task["code"]) == (3, "thread", "2")

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({}, "class: missing"),
            ({"class": "NoTask"}, "class: 'NoTask' is not one of"),
            ({"class": ["CodeTask"]}, r"class: \['CodeTask'\] is not one of"),
            ({"class": "CodeTask"}, "code: missing"),
            ({"class": "CommandTask"}, "command: missing"),
            ({"class": "FuncTask"}, "func: missing"),
            ({"code": ""}, "code: '' is no text"),
            ({"code": 1}, "code: 1 is no text"),
            ({"code": "1", "func": "os:getcwd", "class": "CodeTask"}, "func: a CodeTask has no such member"),
            ({"code": "1", "colour": "red"}, "colour: a CodeTask has no such member"),
            ({"code": "1", "status": "run"}, "status: a CodeTask has no such member"),
            ({"code": "1", "start_cond": "every ten min"}, "start_cond: 'every ten min' is no condition"),
            ({"code": "1", "end_cond": 1}, "end_cond: 1 is no condition"),
            ({"code": "1", "priority": "x"}, "priority: 'x' is no whole number"),
            ({"code": "1", "priority": True}, "priority: True is no whole number"),
            ({"code": "1", "priority": 2**31}, "priority: 2147483648 is no whole number"),
            ({"code": "1", "disabled": "no"}, "disabled: 'no' is neither true nor false"),
            ({"code": "1", "force_run": None}, "force_run: None is neither true nor false"),
            ({"code": "1", "execution": "junk"}, "execution: 'junk' is not one of main, thread, process, async"),
            ({"code": "1", "timeout": 5}, "timeout: 5 is no duration"),
            ({"code": "1", "timeout": "10"}, "timeout: '10' is no duration"),
            ({"code": "1", "timeout": "0 s"}, "timeout: A duration is longer than nothing"),
            ({"code": "1", "parameters": [1]}, r"parameters: \[1\] is no JSON object"),
            ({"code": "1", "on_exists": "panic"}, "on_exists: 'panic' is not one of raise, ignore, replace"),
            ({"command": []}, r"command: \[\] is no command"),
            ({"command": "echo 'x"}, "is no command line: No closing quotation"),
            ({"command": "ls", "cwd": "here"}, "cwd: 'here' is no absolute path"),
            ({"command": "ls", "argform": "/"}, "argform: '/' is not one of"),
            ({"command": "ls", "kwds_popen": {"preexec_fn": "x"}}, "kwds_popen: 'preexec_fn' cannot be given here"),
            ({"command": "ls", "kwds_popen": {"env": {"A": 1}}}, "kwds_popen: env: "),
            ({"func": "main"}, "func: 'main' names no function"),
            ({"func": "os:getcwd()"}, "names no function"),
            ({"func": "no_such_module:f"}, "func: 'no_such_module:f' cannot be imported: ModuleNotFoundError"),
            ({"func": "os:no_such"}, "func: 'os:no_such' cannot be imported: AttributeError"),
            ({"func": "os:path"}, "func: 'os:path' cannot be imported: it cannot be called"),
        ],
    )
    async def test_wrong_members(self, place: Place, members: dict[str, Any], message: str) -> None:
        with pytest.raises(Invalid, match=message):
            await place.backend.create("a", members)
        assert await place.names() == []

    @pytest.mark.parametrize("name", ["", "a/b", "a\nb", "\x7f", "x" * 256])
    async def test_a_name_that_cannot_be(self, place: Place, name: str) -> None:
        with pytest.raises(Invalid, match="^name: "):
            await place.backend.create(name, CODE)

    async def test_restart_is_refused(self, place: Place) -> None:
        with pytest.raises(Denied, match="Restart"):
            await place.backend.create("a", {"class": "Restart"})

    async def test_where_it_left_off(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"code": "1", "start_cond": "daily"})
        before = await scheduled.until("a", "success")
        await scheduled.backend.delete("a")
        await scheduled.backend.create("a", {"code": "1", "start_cond": "daily"})
        assert await scheduled.task("a") == before


class TestAllowed:
    async def test_only_some_classes(self, tmp_path: Path) -> None:
        place = Place(tmp_path, classes=("CodeTask",))
        await place.backend.create("a", CODE)
        with pytest.raises(Denied, match="class: FuncTask is not allowed here"):
            await place.backend.create("b", {"func": "os:getcwd"})
        await place.close()

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"func": "osx:f"}, "func: the module 'osx' is not allowed here; os, email.mime are"),
            ({"func": "email:message_from_string"}, "func: the module 'email' is not allowed"),
            ({"func": "main", "path": "/tmp/x.py"}, "path: only modules os, email.mime are allowed"),
            ({"func": "os:getcwd", "sys_paths": ["/tmp"]}, "sys_paths: only modules"),
            ({"command": "ls", "shell": True}, "shell: a shell is not allowed here"),
        ],
    )
    async def test_only_some_modules(self, tmp_path: Path, members: dict[str, Any], message: str) -> None:
        place = Place(tmp_path, modules=("os", "email.mime"))
        await place.backend.create("a", {"func": "os:getcwd"})
        await place.backend.create("b", {"func": "email.mime.text:MIMEText"})
        with pytest.raises(Denied, match=message):
            await place.backend.create("c", members)
        await place.close()


class TestPatch:
    async def test_some_members(self, place: Place) -> None:
        await place.backend.create("a", CODE | {"parameters": {"x": 1}})
        before = await place.task("a")
        members = {"disabled": True, "start_cond": "daily", "code": "2", "parameters": {"y": 2}, "timeout": "2 s"}
        patched = json.loads((await place.backend.patch("a", members)).body)
        assert patched == await place.task("a") == before | members | {"timeout": "0 days 00:00:02"}

    async def test_nothing(self, place: Place) -> None:
        await place.backend.create("a", CODE)
        assert json.loads((await place.backend.patch("a", {})).body) == await place.task("a")

    async def test_what_is_so_already_is_no_change(self, place: Place) -> None:
        await place.backend.create("a", CODE)
        members = {"disabled": True, "start_cond": "daily", "code": "2", "parameters": {"y": 2}, "timeout": "2 s"}
        first = await place.backend.patch("a", members)
        assert await place.backend.patch("a", members) == first == await place.backend.task("a")
        assert await place.backend.patch("a", {"disabled": True, "priority": 1}) != first

    async def test_another_name(self, place: Place) -> None:
        await place.backend.create("a", CODE)
        await place.backend.create("b", CODE)
        with pytest.raises(Conflict, match="name: there is a task 'b' already"):
            await place.backend.patch("a", {"name": "b", "priority": 5})
        assert (await place.task("a"))["priority"] == 0
        assert json.loads((await place.backend.patch("a", {"name": "c"})).body)["name"] == "c"
        assert await place.names() == ["c", "b"]
        with pytest.raises(NotFound):
            await place.backend.task("a")
        await place.backend.patch("c", {"name": "c"})

    async def test_force_run(self, place: Place) -> None:
        await place.backend.create("a", CODE)
        await place.backend.patch("a", {"force_run": True})
        run = await place.backend.run_now("a")
        assert (await place.task("a"))["force_run"] is True
        assert run == (await place.backend.runs("a"))[0]
        assert (run["state"], run["reason"]) == ("waiting", "force_run")
        await place.backend.patch("a", {"force_run": False})
        assert (await place.task("a"))["force_run"] is False
        assert (await place.backend.run(run["run_id"]))["state"] == "ended"

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ({"priority": 1, "colour": "red"}, "colour: a CodeTask has no such member"),
            ({"priority": 1, "status": "run"}, "status: cannot be changed"),
            ({"priority": 1, "last_run": None}, "last_run: cannot be changed"),
            ({"priority": 1, "class": "FuncTask"}, "class: cannot be changed"),
            ({"priority": 1, "disabled": "perhaps"}, "disabled: 'perhaps'"),
            ({"priority": 1, "start_cond": "nonsense"}, "start_cond: 'nonsense' is no condition"),
            ({"priority": 1, "force_termination": 1}, "force_termination: 1 is neither"),
            ({"priority": 1, "name": "a/b"}, "name: 'a/b'"),
            ({"priority": 1, "name": None}, "name: None"),
            ({"priority": 1, "command": "ls"}, "command: a CodeTask has no such member"),
        ],
    )
    async def test_all_or_nothing(self, place: Place, members: dict[str, Any], message: str) -> None:
        await place.backend.create("a", CODE)
        before = await place.task("a")
        with pytest.raises(Invalid, match=message):
            await place.backend.patch("a", members)
        assert await place.task("a") == before

    async def test_of_nothing(self, place: Place) -> None:
        with pytest.raises(NotFound, match="There is no task 'a'"):
            await place.backend.patch("a", {"disabled": True})


class TestDelete:
    async def test_a_task(self, place: Place) -> None:
        await place.backend.create("a", CODE)
        await place.backend.create("b", CODE)
        run = await place.backend.run_now("a")
        await place.backend.delete("a")
        assert await place.names() == ["b"]
        assert (await place.backend.run(run["run_id"]))["state"] == "ended"
        with pytest.raises(NotFound, match="There is no task 'a'"):
            await place.backend.delete("a")


class TestPause:
    async def test_and_resume(self, place: Place) -> None:
        await place.backend.create("a", CODE)
        assert json.loads((await place.backend.pause("a")).body)["disabled"] is True
        assert json.loads((await place.backend.resume("a")).body)["disabled"] is False


class TestWorkers:
    async def test_see_each_other(self, place: Place) -> None:
        other = Place(place.jobs.parent)
        await place.backend.create("a", CODE)
        await place.backend.create("b", CODE)
        assert await other.names() == ["a", "b"]
        await other.backend.patch("a", {"name": "c"})
        await other.backend.create("a", CODE | {"priority": 9})
        await other.backend.delete("b")
        assert await place.names() == ["c", "a"]
        assert (await place.task("a"))["priority"] == 9
        await other.close()

    async def test_keep_what_has_not_changed(self, place: Place) -> None:
        await place.backend.create("a", CODE)
        first = await place.backend.tasks()
        again = await place.backend.tasks()
        assert first.body is again.body
        assert first.change == again.change
        await place.backend.pause("a")
        assert (await place.backend.tasks()).change != first.change
