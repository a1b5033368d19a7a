"""``--adopt``: the tasks of a session in the shape of rocketry's and Red Engine's, taken over and run."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import orjson
import pytest

from opsgate import job_engine
from opsgate.backends.redengine.backend import RedengineBackend
from opsgate.config import ConfigError
from opsgate.redengine import chosen
from opsgate.redengine.adopting import adopt, read
from opsgate.settings import Settings
from tests.engines.gateway import clean_environment, free_port
from tests.engines.redengine import Redengine

SESSION = """
    import datetime

    class Task:
        end_cond, priority, disabled, permanent = False, 0, False, False
        func = path = code = command = timeout = None
        def __init__(self, name, start_cond=False, parameters=(), **members):
            self.name, self.start_cond, self.parameters = name, start_cond, dict(parameters)
            vars(self).update(members)

    class Session:
        def __init__(self, *tasks, **parameters):
            self.tasks, self.parameters = set(tasks), parameters

    class App:
        pass

    def work(who="nobody"):
        return f"worked for {who}"

    print("whatever the module prints is in nobody's way")
    app = App()
    app.session = Session(
        Task("function", func=work, parameters={"who": "me"}, timeout=datetime.timedelta(minutes=1), priority=3),
        Task("code", code="return_value = 1 + 1", start_cond="daily"),
        Task("command", command=["echo", "hi"], disabled=True, start_cond="after task 'code'"),
        Task("the api itself", permanent=True),
        env="test",
    )
    nested = Session(Task("lost", func=(lambda: 1)))
    objects = Session(Task("odd", code="1", start_cond="(task 'None' 8 hours - 1 days)"))
    unknown = Session(Task("nothing"))
    strange = Session(key=object())
"""


def write(directory: Path, text: str = SESSION) -> None:
    (directory / "my_app.py").write_text(textwrap.dedent(text))


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present directory, which has the module."""
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


class TestSession:
    def test_is_shown_and_run(self, at_home: Path) -> None:
        with Redengine(at_home, {"OPSGATE_REDENGINE_ADOPT": "my_app:app"}) as service:
            assert [task["name"] for task in service.ask("GET", "/tasks")] == ["code", "command", "function"]
            function = service.task("function")
            assert (function["func"], function["sys_paths"]) == ("my_app:work", [str(at_home)])
            assert (function["timeout"], function["priority"]) == ("0 days 00:01:00", 3)
            assert service.ask("GET", "/parameters") == {"env": "test"}
            assert service.run("function")["return_value"] == "worked for me"
            service.until("code", lambda task: task["status"] == "success")

    @pytest.mark.anyio
    async def test_what_was_changed_stays_until_the_code_changes(self, at_home: Path) -> None:
        where = {"redengine": {"adopt": "my_app:app", "state_dir": str(at_home / "s")}}
        settings = msgspec.convert({**where, "jobs": {"state_dir": str(at_home / "j")}}, Settings)
        session = RedengineBackend(job_engine.of(settings), chosen.options(settings))
        try:
            await adopt(settings)
            await session.patch("code", {"start_cond": "weekly"})
            await session.patch("function", {"priority": 9})
            await session.create("over http", {"code": "1"})
            await session.delete("command")
            await adopt(settings)
            tasks = orjson.loads((await session.tasks()).body)
            shown = [(task["name"], task["start_cond"], task["priority"]) for task in tasks]
            assert shown == [("code", "weekly", 0), ("function", "false", 9), ("over http", "false", 0)]
            write(at_home, SESSION.replace("1 + 1", "2 + 2").replace('Task("function"', 'Task("renamed"'))
            await adopt(settings)
            tasks = orjson.loads((await session.tasks()).body)
            shown = [(task["name"], task["start_cond"], task["priority"]) for task in tasks]
            assert sorted(shown) == [("code", "daily", 0), ("over http", "false", 0), ("renamed", "false", 3)]
        finally:
            await session.aclose()

    @pytest.mark.parametrize(
        ("target", "told"),
        [
            ("no_such_module:app", "no_such_module:app: ModuleNotFoundError: No module named 'no_such_module'"),
            ("my_app:gone", "my_app:gone: AttributeError: module 'my_app' has no attribute 'gone'"),
            ("my_app:work", "my_app:work: function is no session, and has none"),
            ("my_app:nested", "The function of the task 'lost' cannot be imported: my_app:<lambda>"),
            ("my_app:unknown", "The task 'nothing' has neither code nor a command nor a function"),
            ("my_app:strange", "The session has a parameter 'key' that is no JSON"),
        ],
    )
    @pytest.mark.usefixtures("at_home")
    def test_what_cannot_be_taken_over_is_named(self, target: str, told: str) -> None:
        with pytest.raises(ConfigError) as refused:
            read(target, sys.executable)
        assert told in str(refused.value)

    def test_a_condition_without_a_text_stops_the_start(self, at_home: Path) -> None:
        command = [sys.executable, "-P", "-m", "opsgate", "redengine", "--port", str(free_port())]
        done = subprocess.run(
            [*command, "--adopt", "my_app:objects", "--state-dir", str(at_home / "s")],
            capture_output=True,
            text=True,
            check=False,
            env=clean_environment(),
            timeout=60,
        )
        told = "opsgate: redengine.adopt: my_app:objects: tasks: 'odd': start_cond: \"(task 'None' 8 hours"
        assert (done.returncode, done.stderr[: len(told)]) == (2, told)
