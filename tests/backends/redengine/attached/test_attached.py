"""A session of the user's own, in its own process, behind the same port."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Conflict, Denied, Invalid, NotFound, Unavailable, Unsupported
from opsgate.backends.redengine.attached import side
from opsgate.backends.redengine.attached.backend import AttachedBackend
from opsgate.backends.redengine.options import Options
from opsgate.backends.redengine.port import Document, Filters, Page
from tests.backends.redengine.support import SECONDS, eventually

pytestmark = pytest.mark.anyio
HERE = Path(__file__).parent


class Attached:
    """A session in a process, and a backend in front of it."""

    def __init__(self, directory: str, python: Path) -> None:
        self.python = python
        self.path = f"{directory}/s"
        self.backend = AttachedBackend(
            self.path, Options(root=Path(directory), classes=("CodeTask", "CommandTask", "FuncTask"))
        )
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            self.python, str(side.__file__), self.path, "own_session:session", cwd=HERE,
            env={"PYTHONPATH": str(HERE)}, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await eventually(self.offered)

    async def offered(self) -> bool | None:
        try:
            return (await self.backend.scheduler())["alive"] or None
        except Unavailable:
            return None

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def task(self, name: str) -> dict[str, Any]:
        return told(await self.backend.task(name))  # type: ignore[no-any-return]

    async def names(self, filters: Filters = ()) -> list[str]:
        return [task["name"] for task in told(await self.backend.tasks(filters))]

    async def until(self, name: str, status: str) -> dict[str, Any]:
        async def look() -> dict[str, Any] | None:
            task = await self.task(name)
            return task if task["status"] == status else None

        return await eventually(look)


def told(document: Document) -> Any:
    """What a document says."""
    return json.loads(document.body)


@pytest.fixture
async def attached(rocketry_python: Path) -> AsyncIterator[Attached]:
    """One that runs."""
    with tempfile.TemporaryDirectory() as directory:  # a path short enough for a socket
        made = Attached(directory, rocketry_python)
        await made.start()
        yield made
        await made.backend.aclose()
        await made.stop()


class TestTasks:
    async def test_are_shown(self, attached: Attached) -> None:
        assert await attached.names() == ["hello", "never", "sleep", "waits"]
        assert await attached.names([("disabled", "true")]) == ["never", "waits"]
        assert await attached.names([("start_cond$regex", "after"), ("status", "null")]) == ["sleep", "waits"]
        task = await attached.task("hello")
        assert (task["class"], task["func"], task["disabled"]) == ("FuncTask", "own_session:hello", False)
        with pytest.raises(Invalid, match="^colour: there is no field"):
            await attached.names([("colour", "red")])
        with pytest.raises(NotFound, match="There is no task 'opsgate'"):
            await attached.task("opsgate")

    async def test_are_patched_all_or_nothing(self, attached: Attached) -> None:
        before = await attached.task("hello")
        for members, message in (
            ({"disabled": True, "priority": "x"}, "priority: 'x'"),
            ({"disabled": True, "start_cond": "nonsense"}, "start_cond: 'nonsense' is no condition: "),
            ({"disabled": True, "status": "run"}, "status: cannot be changed"),
            ({"disabled": True, "code": "1"}, "code: a FuncTask has no such member"),
            ({"disabled": True, "force_run": 3}, "force_run: 3 is neither"),
        ):
            with pytest.raises(Invalid, match=message):
                await attached.backend.patch("hello", members)
        with pytest.raises(Conflict, match="name: there is a task 'never' already"):
            await attached.backend.patch("hello", {"disabled": True, "name": "never"})
        assert await attached.task("hello") == before
        patched = told(await attached.backend.patch("hello", {"disabled": True, "priority": 4, "name": "hi"}))
        assert patched == before | {"disabled": True, "priority": 4, "name": "hi"}
        assert told(await attached.backend.resume("hi"))["disabled"] is False

    async def test_are_run(self, attached: Attached) -> None:
        await attached.backend.patch("hello", {"force_run": True})
        await attached.until("hello", "success")
        assert told(await attached.backend.returns())["hello"] == "hello"
        run = await attached.backend.run_now("never")
        assert (run["state"], run["reason"]) == ("waiting", "force_run")
        await attached.until("never", "success")

    async def test_are_created_and_deleted(self, attached: Attached) -> None:
        code = {
            "code": "return_value = 1 / n",
            "parameters": {"n": 0},
            "execution": "thread",
            "start_cond": "another value",
        }
        created = told(await attached.backend.create("new", code))
        assert (created["code"], created["start_cond"]) == ("return_value = 1 / n", "false")
        with pytest.raises(Conflict, match="There is a task 'new' already"):
            await attached.backend.create("new", code)
        with pytest.raises(Invalid, match="start_cond: 'nonsense' is no condition"):
            await attached.backend.create("other", code | {"start_cond": "nonsense"})
        with pytest.raises(Denied):
            await attached.backend.create("other", {"class": "Restart"})
        await attached.backend.run_now("new")
        await attached.until("new", "fail")
        record = json.loads((await attached.backend.logs([("action", "fail")])).body)[0]
        assert (record["task_name"], record["levelname"]) == ("new", "ERROR")
        assert "ZeroDivisionError" in record["exc_text"]
        await attached.backend.create("new", {"command": "echo 'a b'", "on_exists": "replace", "execution": "thread"})
        await attached.backend.run_now("new")
        await attached.until("new", "success")
        assert told(await attached.backend.returns())["new"] == "a b\n"
        await attached.backend.delete("new")
        with pytest.raises(NotFound):
            await attached.backend.delete("new")

    async def test_a_running_one_is_not_deleted(self, attached: Attached) -> None:
        await attached.backend.run_now("sleep")
        await attached.until("sleep", "run")
        with pytest.raises(Conflict, match="The task 'sleep' runs"):
            await attached.backend.delete("sleep")
        with pytest.raises(Conflict, match="The task 'hello' does not run"):
            await attached.backend.stop("hello")
        assert (await attached.backend.stop("sleep"))["state"] == "running"


class TestSession:
    async def test_the_rest(self, attached: Attached) -> None:
        assert told(await attached.backend.patch_parameters({"p": [1]})) == {"p": [1]}
        config = told(await attached.backend.patch_config({"task_execution": "process", "debug": True}))
        assert (config["task_execution"], config["debug"], config["task_pre_exist"]) == ("process", True, "raise")
        with pytest.raises(Invalid, match="colour: there is no such key"):
            await attached.backend.patch_config({"colour": 1})
        session = told(await attached.backend.session())
        assert (session["parameters"], session["tasks"]) == ({"p": [1]}, ["hello", "never", "sleep", "waits"])
        assert told(await attached.backend.dependencies()) == [
            {"parent": "never", "child": "sleep", "relation": "DependSuccess", "type": None},
            {"parent": "gone", "child": "waits", "relation": "DependSuccess", "type": None},
        ]  # fmt: skip
        assert told(await attached.backend.dependencies([("type$not", "null")])) == []
        assert [task["name"] for task in told(await attached.backend.export_session())["tasks"]] == [
            "hello", "never", "sleep", "waits",
        ]  # fmt: skip

    async def test_the_log(self, attached: Attached) -> None:
        await attached.backend.run_now("hello")
        await attached.until("hello", "success")
        found = await attached.backend.logs([("task_name", "hello")], Page(newest_first=True, limit=1))
        record = json.loads(found.body)[0]
        assert (record["action"], record["message"]) == ("success", "Task 'hello' status: 'success'")
        assert record["runtime"].startswith("0 days 00:00:0")

    async def test_conditions(self, attached: Attached) -> None:
        assert (await attached.backend.preview("sleep"))["after"] == ["never"]
        checked = await attached.backend.check_condition("daily", count=1)
        assert (checked["valid"], len(checked["next"])) == (True, 1)
        assert (await attached.backend.check_condition("nonsense"))["valid"] is False

    async def test_what_it_has_not(self, attached: Attached) -> None:
        for asked in (
            attached.backend.runs("hello"), attached.backend.run("x"), attached.backend.output("x"),
            attached.backend.stop_run("x"), attached.backend.task_output("x"), attached.backend.import_session({}),
        ):  # fmt: skip
            with pytest.raises(Unsupported, match="this session is the user's own"):
                await asked


class TestAway:
    async def test_and_back(self, attached: Attached) -> None:
        assert await attached.names() == ["hello", "never", "sleep", "waits"]
        await attached.stop()
        with pytest.raises(Unavailable, match="does not run"):
            await attached.backend.tasks()
        with pytest.raises(Unavailable):
            await attached.backend.ready()
        await attached.start()
        assert await attached.names() == ["hello", "never", "sleep", "waits"]
        assert (await asyncio.wait_for(attached.backend.ready(), SECONDS))["name"] == "session"


class TestAttach:
    def test_something_else(self, tmp_path: Path) -> None:
        with pytest.raises(TypeError, match="is no rocketry session"):
            side.attach(object(), str(tmp_path / "s"))
