"""Tasks run for real, by a scheduler in a process of its own."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Conflict, NotFound, Unavailable
from opsgate.backends.redengine.options import Options
from opsgate.backends.redengine.port import Piece
from opsgate.backends.redengine.recorder import Recorder
from opsgate.backends.redengine.store import Store
from tests.backends.redengine.support import API, SECONDS, Place, eventually

pytestmark = pytest.mark.anyio
SLEEP = {"command": ["sleep", "60"]}
COMMANDS: dict[str, tuple[dict[str, Any], str]] = {
    "list": ({"command": ["echo", "a b"]}, "a b\n"),
    "line": ({"command": "echo 'a b' c"}, "a b c\n"),
    "options": ({"command": ["echo"], "parameters": {"x": 1, "-y": "z", "w": [1]}}, "--x 1 -y z --w [1]\n"),
    "form": ({"command": ["echo"], "parameters": {"x": 1}, "argform": "-"}, "-x 1\n"),
    "shell": ({"command": "echo $HOME_OF_MINE; pwd", "shell": True, "cwd": "/usr"}, "\n/usr\n"),
    "shell and options": ({"command": "echo a;echo", "shell": True, "parameters": {"x": "$A"}}, "a\n--x $A\n"),
    "environment": ({"command": "echo $A", "shell": True, "kwds_popen": {"env": {"A": "b"}}}, "b\n"),
    "no secrets": ({"command": "printenv SECRET_TOKEN || true", "shell": True}, ""),
}
"""Commands, and what they write."""


def seconds(shown: str) -> float:
    """A time of the API in seconds since 1970."""
    return datetime.fromisoformat(shown).timestamp()


class TestClasses:
    async def test_code(self, scheduled: Place) -> None:
        code = "print('Hello', who)\nreturn_value = {'n': n + 1}"
        await scheduled.backend.create("a", {"code": code, "parameters": {"who": "World", "n": 1}})
        run = await scheduled.run_once("a")
        assert (run["action"], run["return_value"], run["exit_code"]) == ("success", {"n": 2}, 0)
        assert (await scheduled.backend.output(run["run_id"]))["text"] == "Hello World\n"
        assert json.loads((await scheduled.backend.returns()).body) == {"a": {"n": 2}}

    async def test_code_that_returns_nothing(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"code": "x = 1"})
        assert (await scheduled.run_once("a"))["return_value"] is None
        assert json.loads((await scheduled.backend.returns()).body) == {}

    async def test_code_that_fails(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"code": "x = 1\n1 / 0"})
        run = await scheduled.run_once("a")
        assert (run["action"], run["exit_code"]) == ("fail", 1)
        record = (await scheduled.logs((("action", "fail"),)))[0]
        assert record["exc_text"] == run["exc_text"]
        assert record["exc_text"] == (
            'Traceback (most recent call last):\n  File "<code>", line 2, in <module>\n'
            "ZeroDivisionError: division by zero\n"
        )

    async def test_code_with_a_wrong_syntax(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"code": "x ="})
        assert "SyntaxError" in (await scheduled.run_once("a"))["exc_text"]

    async def test_code_that_leaves(self, scheduled: Place) -> None:
        codes = {
            "raise SystemExit(3)": (3, None), "import os; os._exit(4)": (4, None), "import os; os.abort()": (None, 6),
        }  # fmt: skip
        for code in codes:
            await scheduled.backend.create(code, {"code": code})
        runs = await asyncio.gather(*map(scheduled.run_once, codes))
        assert [run["action"] for run in runs] == ["fail"] * 3
        assert [(run["exit_code"], run["signal"]) for run in runs] == list(codes.values())
        assert all(run["exc_text"] for run in runs)

    async def test_code_that_had_nothing_to_do(self, scheduled: Place) -> None:
        await scheduled.backend.create(
            "a", {"code": "class TaskInactionException(Exception): pass\nraise TaskInactionException"}
        )
        await scheduled.run_once("a")
        assert (await scheduled.task("a"))["status"] == "inaction"

    async def test_a_function(self, scheduled: Place, tmp_path: Path) -> None:
        (tmp_path / "own_module.py").write_text("def add(a, b):\n    return a + b\n")
        own = {"func": "own_module:add", "sys_paths": [str(tmp_path)], "parameters": {"a": 1, "b": 2}}
        await scheduled.backend.create("a", own)
        assert (await scheduled.run_once("a"))["return_value"] == 3

    async def test_a_function_that_is_async(self, scheduled: Place, tmp_path: Path) -> None:
        begins = "import asyncio\n\nasync def later(fails):\n    await asyncio.sleep(0)\n"
        (tmp_path / "own_coroutine.py").write_text(f"{begins}    return 1 / 0 if fails else 'later'\n")
        own = {"func": "own_coroutine:later", "sys_paths": [str(tmp_path)]}
        await scheduled.backend.create("a", own | {"parameters": {"fails": False}})
        await scheduled.backend.create("b", own | {"parameters": {"fails": True}})
        assert (await scheduled.run_once("a"))["return_value"] == "later"
        failed = await scheduled.run_once("b")
        assert (failed["action"], failed["exc_text"].splitlines()[-1]) == (
            "fail",
            "ZeroDivisionError: division by zero",
        )

    async def test_a_function_of_a_file(self, scheduled: Place, tmp_path: Path) -> None:
        file = tmp_path / "file.py"
        await scheduled.backend.create("a", {"func": "main", "path": str(file)})
        assert "FileNotFoundError" in (await scheduled.run_once("a"))["exc_text"]
        file.write_text("def main():\n    return 'found'\n")
        assert (await scheduled.run_once("a"))["return_value"] == "found"

    async def test_commands(self, scheduled: Place) -> None:
        await asyncio.gather(*[
            scheduled.backend.create(name, members) for name, (members, _) in COMMANDS.items()
        ])  # fmt: skip
        runs = await asyncio.gather(*map(scheduled.run_once, COMMANDS))
        written = {run["task_name"]: run["return_value"] for run in runs}
        assert written == {name: expected for name, (_, expected) in COMMANDS.items()}
        assert json.loads((await scheduled.backend.returns()).body) == written

    async def test_a_command_that_fails(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["ls", "/no/such"]})
        run = await scheduled.run_once("a")
        assert run["exc_text"].startswith("OSError: exit code 2\nls: ")

    async def test_a_command_that_is_not_there(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["/no/such/program"]})
        run = await scheduled.run_once("a")
        assert (run["action"], run["exit_code"]) == ("fail", 127)


class TestConditions:
    async def test_every(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["true"], "start_cond": "every 700 ms"})

        async def look() -> list[float] | None:
            starts = [record["created"] for record in await scheduled.logs((("action", "run"),))]
            return starts if len(starts) == 4 else None

        starts = await eventually(look)
        assert min(later - earlier for earlier, later in itertools.pairwise(starts)) >= 0.7

    async def test_daily_runs_once(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["true"], "start_cond": "daily"})
        await scheduled.until("a", "success")
        await scheduled.backend.create("b", {"command": ["true"], "start_cond": "after task 'a'"})
        await scheduled.until("b", "success")
        assert await scheduled.actions("a") == ["run", "success"]

    async def test_one_after_the_other(self, scheduled: Place) -> None:
        await scheduled.backend.create("c", {"command": ["true"], "start_cond": "after task 'b' failed"})
        await scheduled.backend.create("d", {"command": ["true"], "start_cond": "after task 'b'"})
        await scheduled.backend.create("b", {"command": ["false"], "start_cond": "after task 'a' finished"})
        await scheduled.backend.create("a", {"command": ["true"]})
        await scheduled.run_once("a")
        await scheduled.until("c", "success")
        assert await scheduled.actions("d") == []
        started = [record["task_name"] for record in await scheduled.logs((("action", "run"),))]
        assert started == ["a", "b", "c"]

    async def test_a_parameter_of_the_session(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["true"], "start_cond": "daily & param 'go' is 'on'"})
        await scheduled.backend.patch_parameters({"go": "off"})
        assert (await scheduled.task("a"))["status"] is None
        await scheduled.backend.patch_parameters({"go": "on"})
        await scheduled.until("a", "success")

    async def test_a_condition_that_is_changed(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["true"], "start_cond": "another value"})
        await scheduled.backend.patch("a", {"start_cond": "daily"})
        await scheduled.until("a", "success")

    async def test_disabled(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["true"], "start_cond": "daily", "disabled": True})
        await scheduled.backend.create("b", {"command": ["true"], "start_cond": "daily"})
        await scheduled.until("b", "success")
        assert await scheduled.actions("a") == []
        await scheduled.backend.resume("a")
        await scheduled.until("a", "success")

    async def test_ends_a_run(self, scheduled: Place) -> None:
        await scheduled.backend.create(
            "a", SLEEP | {"force_run": True, "end_cond": "has started & param 'stop' exists"}
        )
        await scheduled.until("a", "run")
        await scheduled.backend.patch_parameters({"stop": 1})
        await scheduled.until("a", "terminate")

    async def test_while_another_runs(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", SLEEP | {"start_cond": "true & ~has started"})
        await scheduled.backend.create("b", {"command": ["true"], "start_cond": "task 'a' is running & ~has started"})
        await scheduled.until("b", "success")

    async def test_priority(self, place: Place) -> None:
        for name, priority in (("low", -1), ("high", 5), ("middle", 0)):
            await place.backend.create(name, {"command": ["true"], "start_cond": "daily", "priority": priority})
        await place.schedule("--cores", "1")
        for name in ("low", "high", "middle"):
            await place.until(name, "success")
        started = [record["task_name"] for record in await place.logs((("action", "run"),))]
        assert started == ["high", "middle", "low"]


class TestRuns:
    async def test_force_run_is_used_up(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["true"], "disabled": True})
        await scheduled.backend.patch("a", {"force_run": True})
        task = await scheduled.until("a", "success")
        assert (task["force_run"], task["disabled"]) == (False, True)
        assert await scheduled.actions("a") == ["run", "success"]

    async def test_another_one_is_asked_for_meanwhile(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["sleep", "0.3"]})
        first = await scheduled.backend.run_now("a")
        await scheduled.until("a", "run")
        second = await scheduled.backend.run_now("a")
        assert second["run_id"] != first["run_id"]
        await scheduled.until_over(second["run_id"])
        assert await scheduled.actions("a") == ["run", "success"] * 2

    async def test_log_and_task_agree(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["sleep", "0.2"]})
        run = await scheduled.run_once("a")
        task, (began, ended) = await scheduled.task("a"), await scheduled.logs()
        assert (task["last_run"], task["last_success"]) == (began["timestamp"], ended["timestamp"])
        assert (run["start"], run["end"], run["runtime"]) == (began["start"], ended["end"], ended["runtime"])
        assert [began["run_id"], ended["run_id"]] == [run["run_id"]] * 2
        assert seconds(run["end"]) - seconds(run["start"]) >= 0.2

    async def test_timeout(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"code": "while True: pass", "timeout": "500 ms"})
        run = await scheduled.run_once("a")
        assert (run["action"], run["cause"], run["exc_text"]) == ("terminate", "timeout", None)
        assert (await scheduled.task("a"))["status"] == "terminate"

    async def test_stop(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", SLEEP)
        with pytest.raises(Conflict, match="The task 'a' does not run"):
            await scheduled.backend.stop("a")
        run = await scheduled.backend.run_now("a")
        await scheduled.until("a", "run")
        assert (await scheduled.backend.stop("a"))["run_id"] == run["run_id"]
        assert (await scheduled.until_over(run["run_id"]))["action"] == "terminate"
        with pytest.raises(Conflict, match="is over"):
            await scheduled.backend.stop_run(run["run_id"])
        assert (await scheduled.task("a"))["force_termination"] is False

    async def test_force_termination(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", SLEEP | {"force_run": True})
        await scheduled.until("a", "run")
        await scheduled.backend.patch("a", {"force_termination": True})
        await scheduled.until("a", "terminate")

    async def test_called_off(self, place: Place) -> None:
        await place.backend.create("a", SLEEP)
        run = await place.backend.run_now("a")
        assert (await place.backend.stop_run(run["run_id"]))["state"] == "ended"
        assert (await place.task("a"))["force_run"] is False
        await place.schedule()
        await place.backend.create("b", {"command": ["true"]})
        await place.run_once("b")
        assert await place.actions("a") == []

    async def test_deleted_while_it_runs(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", SLEEP)
        run = await scheduled.backend.run_now("a")
        await scheduled.until("a", "run")
        await scheduled.backend.delete("a")
        assert (await scheduled.until_over(run["run_id"]))["action"] == "terminate"
        assert await scheduled.actions("a") == ["run", "terminate"]
        with pytest.raises(NotFound):
            await scheduled.backend.task("a")
        await scheduled.backend.create("b", {"command": ["true"]})
        assert (await scheduled.run_once("b"))["action"] == "success"

    async def test_forty_at_once(self, scheduled: Place) -> None:
        names = [f"t{number}" for number in range(40)]
        await asyncio.gather(*[
            scheduled.backend.create(name, {"command": ["sleep", "0.1"], "start_cond": "daily"}) for name in names
        ])  # fmt: skip
        for name in names:
            await scheduled.until(name, "success")
        assert len(await scheduled.logs((("action", "run"),))) == 40

    async def test_only_the_newest_are_kept(self, place: Place) -> None:
        await place.backend.create("a", {"command": ["true"]})
        scheduler = await place.schedule()
        runs = [(await place.run_once("a"))["run_id"] for _ in range(3)]
        scheduler.kill()
        await scheduler.wait()
        store, engine = Store(place.options.root), await place.engine()
        await Recorder(store, engine, Options(root=place.options.root, keep_runs=2, keep_records=3)).tidy()
        await store.aclose()
        assert [run["run_id"] for run in await place.backend.runs("a")] == runs[:0:-1]
        assert [job.id for job in await engine.jobs(API)] == runs[1:]
        assert [record["id"] for record in await place.logs()] == [4, 5, 6]


class TestOutput:
    async def test_while_it_runs(self, scheduled: Place) -> None:
        code = "import time\nprint('first', flush=True)\ntime.sleep(60)"
        await scheduled.backend.create("a", {"code": code})
        run = await scheduled.backend.run_now("a")
        await scheduled.until("a", "run")
        found = await scheduled.backend.task_output("a", Piece(wait=SECONDS))
        assert found == {
            "run_id": run["run_id"], "stream": "stdout", "text": "first\n", "offset": 0, "next_offset": 6, "size": 6,
            "complete": False,
        }  # fmt: skip

    async def test_pieces(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["printf", "aé\nb\nc"]})
        run_id = (await scheduled.run_once("a"))["run_id"]
        cut = await scheduled.backend.output(run_id, Piece(limit=2))
        assert (cut["text"], cut["next_offset"], cut["complete"]) == ("a", 1, False)
        tail = await scheduled.backend.output(run_id, Piece(tail=2))
        assert (tail["text"], tail["offset"], tail["complete"]) == ("b\nc", 4, True)
        errors = await scheduled.backend.output(run_id, Piece(stream="stderr"))
        assert (errors["text"], errors["complete"]) == ("", True)

    async def test_more_than_is_kept(self, place: Place) -> None:
        await place.schedule()
        await place.backend.create("a", {"code": "print('x' * 1_000_000)"})
        run = await place.run_once("a")
        assert run["action"] == "success"
        assert (await place.backend.output(run["run_id"], Piece(limit=2_000_000)))["size"] == 65536

    async def test_of_nothing(self, place: Place) -> None:
        await place.backend.create("a", {"command": ["true"]})
        with pytest.raises(NotFound, match="The task 'a' has not run yet"):
            await place.backend.task_output("a")
        with pytest.raises(NotFound, match="There is no run 'x'"):
            await place.backend.output("x")
        waiting = await place.backend.output((await place.backend.run_now("a"))["run_id"])
        assert (waiting["text"], waiting["complete"]) == ("", False)


class TestSequence:
    async def test_startup_comes_first(self, place: Place) -> None:
        await place.backend.create("daily", {"command": ["true"], "start_cond": "daily"})
        await place.backend.create("first", {"command": ["sleep", "0.3"], "on_startup": True, "start_cond": "daily"})
        await place.schedule()
        await place.until("daily", "success")
        acted = [(record["task_name"], record["action"]) for record in await place.logs()]
        assert acted == [("first", "run"), ("first", "success"), ("daily", "run"), ("daily", "success")]

    async def test_shutdown_comes_last(self, place: Place) -> None:
        await place.backend.create("last", {"command": ["sleep", "0.2"], "on_shutdown": True, "start_cond": "daily"})
        scheduler = await place.schedule()
        scheduler.terminate()
        assert await asyncio.wait_for(scheduler.wait(), SECONDS) == 0
        assert (await place.task("last"))["status"] == "success"


class TestLiveness:
    async def test_tells_what_it_is_about(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", SLEEP | {"force_run": True})
        await scheduled.until("a", "run")
        said = await scheduled.backend.scheduler()
        assert (said["alive"], said["pid"]) == (True, scheduled.schedulers[0].pid)
        assert (said["running"], said["waiting"], said["tasks"]) == (1, 0, 1)
        assert seconds(said["since"]) <= time.time()
        assert 0 <= said["beat_age"] < SECONDS
        assert (await scheduled.backend.ready())["state"] == "1 running, 0 waiting"

    async def test_there_is_only_one(self, scheduled: Place) -> None:
        second = await scheduled.start_scheduler()
        _, said = await asyncio.wait_for(second.communicate(), SECONDS)
        assert (second.returncode, b"Another scheduler holds" in said) == (1, True)

    async def test_one_stands_by(self, scheduled: Place) -> None:
        second = await scheduled.start_scheduler("--standby")
        scheduled.schedulers[0].kill()
        assert second.stdout is not None
        assert await asyncio.wait_for(second.stdout.readline(), SECONDS) == b"ready\n"
        second.terminate()
        assert await asyncio.wait_for(second.wait(), SECONDS) == 0

    async def test_one_that_stands_by_is_told_to_end(self, scheduled: Place) -> None:
        second = await scheduled.start_scheduler("--standby")
        await asyncio.sleep(0)
        second.terminate()
        assert await asyncio.wait_for(second.wait(), SECONDS) in (0, -15)

    async def test_without_one(self, place: Place) -> None:
        with pytest.raises(Unavailable, match="No scheduler runs"):
            await place.backend.ready()
