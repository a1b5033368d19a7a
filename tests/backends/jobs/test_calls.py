"""Python jobs: plugins, functions, code; what they return, raise and report."""

from __future__ import annotations

import json
import pickle
import pickletools
import venv
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Code, Function, Limits, Plugin
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import State
from tests.backends.jobs.support import (
    API,
    Open,
    descriptors_of,
    new,
    printed,
    run_to_end,
    start_running,
    stdout,
)

pytestmark = pytest.mark.anyio

GROUP = "opsgate.test"
PLUGINS = {
    "echo": "def run(config, status):\n    status.update({'got': config})\n",
    "fails": "def helper():\n    raise ValueError('kaboom')\n\ndef run(config, status):\n    helper()\n",
    "reports": (
        "import time\n"
        "def run(config, status):\n"
        "    for number in range(config['times']):\n"
        "        status.update({'number': number, 'fill': 'x' * config.get('fill', 0)})\n"
        "    print('reported', flush=True)\n"
        "    time.sleep(config.get('sleep', 0))\n"
    ),
    "broken": "import no_such_module\n\ndef run(config, status):\n    pass\n",
    "empty": "",
    "adapted": (
        "def adapt(config, report, context):\n"
        "    return {**config, **context}, report\n\n"
        "def run(config, report):\n"
        "    report({'config': config, 'odd': {1, 2} and {('a',): float('nan'), 'x': object}})\n"
        "    return config\n"
    ),
}


@pytest.fixture
def site(tmp_path: Path) -> str:
    """A directory that looks as if plugins had been installed to it."""
    site = tmp_path / "site"
    (site / "test_plugins-1.0.dist-info").mkdir(parents=True)
    for name, source in PLUGINS.items():
        (site / f"test_plugin_{name}.py").write_text(source)
    lines = [f"[{GROUP}]", *(f"{name} = test_plugin_{name}" for name in PLUGINS), "with space = test_plugin_echo"]
    (site / "test_plugins-1.0.dist-info/entry_points.txt").write_text("\n".join(lines) + "\n")
    (site / "test_plugins-1.0.dist-info/METADATA").write_text("Name: test-plugins\nVersion: 1.0\n")
    return str(site)


def rewrite(site: str, name: str, source: str) -> None:
    Path(site, f"test_plugin_{name}.py").write_text(source)


def plugin(name: str, config: dict[str, Any] | None = None, **more: Any) -> Plugin:
    return Plugin(GROUP, name, config or {}, **more)


class TestPlugin:
    async def test_is_given_config_and_status(self, engine: Engine, site: str) -> None:
        job = await run_to_end(engine, plugin("echo", {"a": [1, "ä"]}), sys_path=(site,))
        assert (job.exit_code, job.status) == (0, {"got": {"a": [1, "ä"]}})
        assert job.status_json.isascii()

    async def test_name_with_a_space(self, engine: Engine, site: str) -> None:
        job = await run_to_end(engine, plugin("with space"), sys_path=(site,))
        assert (job.exit_code, job.status) == (0, {"got": {}})

    async def test_unknown(self, engine: Engine) -> None:
        job = await run_to_end(engine, plugin("unknown"))
        assert (job.exit_code, job.cause) == (1, None)
        assert job.ending["exception"]["type"] == "LookupError"
        assert job.ending["exception"]["message"] == f"There is no entry point 'unknown' in the group '{GROUP}'"

    async def test_that_cannot_be_imported(self, engine: Engine, site: str) -> None:
        job = await run_to_end(engine, plugin("broken"), sys_path=(site,))
        assert job.exit_code == 1
        assert job.ending["exception"]["type"] == "ModuleNotFoundError"
        assert job.ending["exception"]["message"] == "No module named 'no_such_module'"

    async def test_without_run(self, engine: Engine, site: str) -> None:
        job = await run_to_end(engine, plugin("empty"), sys_path=(site,))
        assert job.ending["exception"]["type"] == "AttributeError"

    async def test_adapter(self, engine: Engine, site: str) -> None:
        adapted = plugin("adapted", {"a": 1}, adapter="test_plugin_adapted:adapt", context={"b": 2})
        job = await run_to_end(engine, adapted, sys_path=(site,))
        assert job.status == {"config": {"a": 1, "b": 2}, "odd": {"('a',)": None, "x": "<class 'object'>"}}
        assert job.ending["result"] == {"a": 1, "b": 2}

    async def test_newest_version_is_taken(self, engine: Engine, site: str) -> None:
        before = await run_to_end(engine, plugin("echo"), sys_path=(site,))
        rewrite(site, "echo", "def run(config, status):\n    status.update({'version': 2})\n")
        after = await run_to_end(engine, plugin("echo"), sys_path=(site,))
        assert (before.status, after.status) == ({"got": {}}, {"version": 2})

    async def test_needs_a_name(self, engine: Engine) -> None:
        with pytest.raises(Invalid):
            await engine.create(new(plugin("")))

    async def test_a_config_too_deep_for_json(self, engine: Engine) -> None:
        deep: dict[str, Any] = {}
        for _ in range(20_000):
            deep = {"a": deep}
        with pytest.raises(Invalid, match="nested too deeply"):
            await engine.create(new(plugin("echo", deep)))


class TestStatus:
    async def test_is_seen_as_soon_as_it_is_told(self, engine: Engine, site: str) -> None:
        job = await start_running(engine, plugin("reports", {"times": 3, "sleep": 60}), sys_path=(site,))
        await printed(engine, job, "reported\n")
        seen = await engine.get(API, job.id)
        assert (seen.state, seen.status) == (State.RUNNING, {"number": 2, "fill": ""})

    async def test_a_thousand(self, engine: Engine, site: str) -> None:
        job = await run_to_end(engine, plugin("reports", {"times": 1000}), sys_path=(site,))
        assert (job.exit_code, job.status) == (0, {"number": 999, "fill": ""})
        events = [event.event for event in await engine.events(API, 0, 5000)]
        assert events == ["created", "queued", "starting", "running", *["status"] * 1000, "finished"]

    async def test_of_megabytes(self, engine: Engine, site: str) -> None:
        job = await run_to_end(engine, plugin("reports", {"times": 2, "fill": 5_000_000}), sys_path=(site,))
        assert job.exit_code == 0
        assert len(job.status["fill"]) == 5_000_000

    async def test_that_is_no_object_changes_nothing(self, engine: Engine, site: str) -> None:
        rewrite(
            site,
            "echo",
            "def run(config, status):\n"
            "    status.update({'good': 1})\n"
            "    return [status._report(bad) for bad in ([1], 'text', None)]\n",
        )
        job = await run_to_end(engine, plugin("echo"), sys_path=(site,))
        assert (job.status, job.ending["result"]) == ({"good": 1}, [False, False, False])

    async def test_of_forked_processes_and_threads(self, engine: Engine, site: str) -> None:
        rewrite(
            site,
            "echo",
            "import os, threading\n"
            "def report(status, who):\n"
            "    for number in range(50):\n"
            "        status.update({'who': who, 'number': number})\n"
            "def run(config, status):\n"
            "    child = os.fork()\n"
            "    if not child:\n"
            "        report(status, 'child')\n"
            "        os._exit(0)\n"
            "    threads = [threading.Thread(target=report, args=(status, i)) for i in range(3)]\n"
            "    for thread in threads: thread.start()\n"
            "    for thread in threads: thread.join()\n"
            "    os.waitpid(child, 0)\n",
        )
        job = await run_to_end(engine, plugin("echo"), sys_path=(site,))
        assert (job.exit_code, job.status["number"]) == (0, 49)
        events = [event.event for event in await engine.events(API, 0)]
        assert events.count("status") == 200

    async def test_leads_to_its_own_job_alone(self, engine: Engine, site: str) -> None:
        job = await start_running(engine, plugin("reports", {"times": 1, "sleep": 60}), sys_path=(site,))
        await printed(engine, job, "reported\n")
        found = descriptors_of(job.pid or 0)
        assert found[3].startswith("socket:")
        assert sorted(found) == [0, 1, 2, 3]

    async def test_is_not_inherited_by_programs(self, engine: Engine) -> None:
        code = "import os, subprocess\nsubprocess.run(['ls', '-l', '/proc/self/fd'], close_fds=False)"
        job = await run_to_end(engine, Code(code))
        assert "socket:" not in await stdout(engine, job)


class TestException:
    async def test_is_recorded(self, engine: Engine, site: str) -> None:
        job = await run_to_end(engine, plugin("fails"), sys_path=(site,))
        told = job.ending["exception"]
        assert (job.exit_code, job.cause) == (1, None)
        assert (told["type"], told["class"], told["message"]) == ("ValueError", "<class 'ValueError'>", "kaboom")
        frames = [line.strip() for line in told["traceback"].splitlines() if line.startswith("  File")]
        assert [frame.rpartition(" in ")[2] for frame in frames] == ["perform", "run", "helper"]
        said = (await engine.output(API, job.id, "stderr")).data.decode()
        assert said == told["traceback"]

    async def test_pickled_for_those_who_unpickle(self, engine: Engine, site: str) -> None:
        job = await run_to_end(engine, plugin("fails"), sys_path=(site,), pickle_exception=True)
        told = job.ending["exception"]
        for text in (told["pickled_traceback"], told["pickled_exception"]):
            operations = list(pickletools.genops(text.encode("latin-1")))
            assert operations[-1][0].name == "STOP"
            assert max(operation.proto for operation, _, _ in operations) == 0
        assert "ValueError" in told["pickled_exception"]

    async def test_pickled_traceback_starts_with_one_frame_of_ours(self, engine: Engine, site: str) -> None:
        job = await run_to_end(engine, plugin("fails"), sys_path=(site,), pickle_exception=True)
        text: str = job.ending["exception"]["pickled_traceback"]
        trace: TracebackType | None = pickle.loads(text.encode("latin-1"))  # noqa: S301 - the test's own job
        names = []
        while trace is not None:
            names.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        assert names == ["perform", "run", "helper"]

    async def test_traceback_too_deep_to_be_pickled(self, engine: Engine) -> None:
        job = await run_to_end(engine, Code("def f(): f()\nf()"), pickle_exception=True)
        assert job.ending["exception"]["pickled_traceback"] == "N."

    @pytest.mark.parametrize(
        ("code", "kind", "message"),
        [
            ("raise ValueError('\\u2603 \\ud800 ä')", "ValueError", "☃ ? ä"),
            ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
            ("def f(): f()\nf()", "RecursionError", None),
            ("import threading\nraise ValueError(threading.Lock())", "ValueError", None),
            ("class E(Exception):\n def __str__(self): raise TypeError\nraise E", "__main__.E", "E()"),
            ("class E(BaseException):\n  pass\nraise E('x')", "__main__.E", "x"),
            ("raise ExceptionGroup('many', [ValueError(1)])", "ExceptionGroup", "many (1 sub-exception)"),
            ("def (", "SyntaxError", None),
            ("raise MemoryError", "MemoryError", ""),
        ],
    )
    async def test_of_every_kind(self, engine: Engine, code: str, kind: str, message: str | None) -> None:
        job = await run_to_end(engine, Code(code), pickle_exception=True)
        told = job.ending["exception"]
        assert (job.exit_code, told["type"]) == (1, kind)
        assert message is None or told["message"] == message
        assert json.dumps(told).isascii()
        json.dumps(told, ensure_ascii=False).encode()  # no lone surrogate

    async def test_that_cannot_be_pickled(self, engine: Engine) -> None:
        code = "import threading\nraise ValueError(threading.Lock())"
        job = await run_to_end(engine, Code(code), pickle_exception=True)
        assert job.ending["exception"]["pickled_exception"] is None


class TestLeaving:
    @pytest.mark.parametrize(("code", "exit_code"), [("raise SystemExit", 0), ("exit = SystemExit(0)\nraise exit", 0)])
    async def test_well(self, engine: Engine, code: str, exit_code: int) -> None:
        job = await run_to_end(engine, Code(code))
        assert (job.exit_code, job.cause, "exception" in job.ending) == (exit_code, None, False)

    @pytest.mark.parametrize(("code", "exit_code"), [("raise SystemExit(3)", 3), ("raise SystemExit('no')", 1)])
    async def test_badly(self, engine: Engine, code: str, exit_code: int) -> None:
        job = await run_to_end(engine, Code(code))
        assert (job.exit_code, job.ending["exception"]["type"]) == (exit_code, "SystemExit")

    async def test_without_a_word(self, engine: Engine) -> None:
        job = await run_to_end(engine, Code("import os\nos._exit(3)"))
        assert job.exit_code == 3
        assert "exception" not in job.ending

    async def test_by_signal_after_an_exception_was_told(self, engine: Engine) -> None:
        code = "import atexit, os\natexit.register(os.kill, os.getpid(), 9)\nraise ValueError('first')"
        job = await run_to_end(engine, Code(code))
        assert (job.signal, job.ending["exception"]["message"]) == (9, "first")

    async def test_waits_for_threads_and_exit_functions(self, engine: Engine) -> None:
        code = (
            "import atexit, threading, time\n"
            "atexit.register(print, 'at exit')\n"
            "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()\n"
            "print('end')"
        )
        job = await run_to_end(engine, Code(code))
        assert await stdout(engine, job) == "end\nthread\nat exit\n"


class TestFunction:
    async def test_returns(self, engine: Engine) -> None:
        job = await run_to_end(engine, Function("os.path:join", ("a", "b")))
        assert job.ending["result"] == "a/b"

    async def test_with_a_dot(self, engine: Engine) -> None:
        job = await run_to_end(engine, Function("json.loads", ('{"a": [1]}',), {"parse_int": None}))
        assert job.ending["result"] == {"a": [1]}

    async def test_of_a_file(self, engine: Engine, tmp_path: Path) -> None:
        (tmp_path / "tasks.py").write_text("def main(x, y=2):\n    return {'sum': x + y}\n")
        job = await run_to_end(engine, Function("main", (1,), path=f"{tmp_path}/tasks.py"))
        assert job.ending["result"] == {"sum": 3}

    async def test_missing(self, engine: Engine) -> None:
        for target, kind in (("os:nothing", "AttributeError"), ("no_module:f", "ModuleNotFoundError")):
            job = await run_to_end(engine, Function(target))
            assert (job.exit_code, job.ending["exception"]["type"]) == (1, kind)


class TestCode:
    async def test_result(self, engine: Engine) -> None:
        job = await run_to_end(engine, Code("return_value = [a, b]", {"a": 1, "b": {"c": None}}))
        assert job.ending["result"] == [1, {"c": None}]

    async def test_none_is_no_result(self, engine: Engine) -> None:
        job = await run_to_end(engine, Code("return_value = None"))
        assert "result" not in job.ending

    @pytest.mark.parametrize(
        ("expression", "result"),
        [("{1, 2}", [1, 2]), ("(1, float('inf'))", [1, None]), ("{3: 'x'}", {"3": "x"}), ("1 + 2j", "(1+2j)")],
    )
    async def test_of_other_types(self, engine: Engine, expression: str, result: object) -> None:
        job = await run_to_end(engine, Code(f"return_value = {expression}"))
        assert job.ending["result"] == result

    async def test_that_holds_itself(self, engine: Engine) -> None:
        job = await run_to_end(engine, Code("return_value = [1]\nreturn_value.append(return_value)"))
        assert job.ending["result"][0] == 1

    async def test_beyond_the_limit(self, engine: Engine) -> None:
        job = await run_to_end(engine, Code("return_value = 'x' * 1000"), result_limit=100)
        assert job.ending["result"] == "(a value of 1002 bytes, more than the 100 that are kept)"

    async def test_sees_no_module_of_ours_on_its_path(self, engine: Engine) -> None:
        code = "import sys\nreturn_value = [sys.path, sorted(n for n in sys.modules if n.startswith('opsgate'))]"
        job = await run_to_end(engine, Code(code), environment={"PYTHONSAFEPATH": "1"})
        path, modules = job.ending["result"]
        assert not any(entry.endswith("jobs/child") for entry in path)
        assert not any("engine" in name or "store" in name for name in modules)

    async def test_lines_are_seen_as_they_are_printed(self, engine: Engine) -> None:
        job = await start_running(engine, Code("import time\nprint('one')\ntime.sleep(60)"))
        assert await printed(engine, job, "one\n") == "one\n"


class TestInterpreter:
    async def test_another_one_that_lacks_this_package(self, root: Path, open_engine: Open, tmp_path: Path) -> None:
        venv.create(tmp_path / "venv")
        engine = await open_engine(Settings(root))
        code = Code("import sys, importlib.util\nreturn_value = [sys.prefix, bool(importlib.util.find_spec('httpx'))]")
        job = await run_to_end(engine, code, interpreter=str(tmp_path / "venv/bin/python"))
        assert job.ending["result"] == [str(tmp_path / "venv"), False]

    async def test_that_is_missing(self, engine: Engine) -> None:
        job = await run_to_end(engine, Code("pass"), interpreter="/no/python")
        assert (job.exit_code, job.cause) == (127, "not_started")

    async def test_without_memory(self, engine: Engine) -> None:
        job = await run_to_end(engine, Code("x = bytearray(500_000_000)"), limits=Limits(memory=400_000_000))
        assert job.ending["exception"]["type"] == "MemoryError"


class TestTrouble:
    async def test_job_that_talks_nonsense_to_its_runner(self, engine: Engine) -> None:
        code = (
            "import array, os, socket\n"
            "s = socket.socket(fileno=3)\n"
            "answers = []\n"
            "r, w = os.pipe()\n"
            "def attached(fd):\n"
            "    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [fd]))]\n"
            "for packet, files in [(b'Q{}', []), (b'R{', []), (b'S\\xff', []), (b'S', attached(r)), (b'S{}', [])]:\n"
            "    s.sendmsg([packet], files)\n"
            "    answers.append(s.recv(1).decode())\n"
            "return_value = answers\n"
            "s.detach()\n"
        )
        job = await run_to_end(engine, Code(code))
        assert (job.exit_code, job.ending["result"]) == (0, ["0", "0", "0", "0", "1"])

    async def test_job_that_closes_its_channel(self, engine: Engine) -> None:
        job = await run_to_end(engine, Code("import os\nos.close(3)\nreturn_value = 1"))
        assert job.state == State.FINISHED
        assert "result" not in job.ending
