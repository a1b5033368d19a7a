"""Each handler asks the port once, with what was sent, and gives the answer its shape."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.hoplite.port import NewJob, Piece, Selection
from opsgate.handlers import hoplite

pytestmark = pytest.mark.anyio

JOB = {"uuid": "u", "name": "p"}


class Port:
    """Notes what it is asked and answers the same every time."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        answers: dict[str, Any] = {
            "plugin_names": ["a"],
            "reload_plugins": ["a"],
            "plugin_paths": ["/a"],
            "jobs": ([JOB], 7),
            "create": JOB,
            "job_json": orjson.dumps(JOB),
            "update": JOB,
            "output": {"text": "a"},
        }

        async def method(*arguments: object) -> Any:
            self.asked.append((name, *arguments))
            return answers.get(name)

        return method


@pytest.fixture
def port() -> Any:
    return Port()


class TestPlugins:
    async def test_list_job_plugins(self, port: Any) -> None:
        assert await hoplite.list_job_plugins(port) == {"job_plugins": ["a"]}
        assert port.asked == [("plugin_names",)]

    async def test_reload_job_plugins(self, port: Any) -> None:
        assert await hoplite.reload_job_plugins(port) == {"job_plugins": ["a"]}
        assert port.asked == [("reload_plugins",)]

    async def test_list_job_plugin_paths(self, port: Any) -> None:
        assert await hoplite.list_job_plugin_paths(port) == {"paths": ["/a"]}
        assert port.asked == [("plugin_paths",)]

    async def test_reload(self, port: Any) -> None:
        assert await hoplite.reload(port) == {}
        assert port.asked == [("reload_plugins",)]


class TestLists:
    async def test_list_jobs(self, port: Any) -> None:
        assert await hoplite.list_jobs(port) == {"jobs": [JOB], "total": 7}
        assert port.asked == [("jobs", Selection())]

    async def test_list_jobs_selected(self, port: Any) -> None:
        await hoplite.list_jobs(
            port, state=["running"], plugin_name="p", label=["a=b"], order_by="-finished_at", limit=5, offset=10
        )
        assert port.asked == [("jobs", Selection(("running",), "p", ("a=b",), "-finished_at", 5, 10))]

    async def test_list_running_jobs(self, port: Any) -> None:
        assert await hoplite.list_running_jobs(port) == {"jobs": [JOB], "total": 7}
        assert port.asked == [("jobs", Selection(states=("running",)))]


class TestCreateJob:
    async def test_answers_flat_and_below_job(self, port: Any) -> None:
        assert await hoplite.create_job(port, {"name": "p"}) == ({**JOB, "job": JOB}, 201)
        assert port.asked == [("create", NewJob("p"), None)]

    async def test_hands_everything_on(self, port: Any) -> None:
        body = {
            "plugin_name": "p",
            "config": {"a": 1},
            "run": True,
            "timeout": 5,
            "labels": {"a": "b"},
            "webhook": "http://a/",
            "port": 5000,
            "uuid": "forged",
        }
        await hoplite.create_job(port, body, "key")
        assert port.asked == [("create", NewJob("p", {"a": 1}, True, 5, {"a": "b"}, "http://a/"), "key")]

    async def test_takes_both_names_when_they_are_equal(self, port: Any) -> None:
        await hoplite.create_job(port, {"name": "p", "plugin_name": "p"})
        assert port.asked == [("create", NewJob("p"), None)]

    async def test_refuses_two_names(self, port: Any) -> None:
        with pytest.raises(Invalid, match="'name' and 'plugin_name' are two names for one plugin, but they differ"):
            await hoplite.create_job(port, {"name": "p", "plugin_name": "q"})
        assert port.asked == []

    @pytest.mark.parametrize(
        ("members", "run"),
        [
            ({}, False),
            ({"run": True}, True),
            ({"run": False}, False),
            ({"run": "False"}, False),
            ({"run": "false"}, False),
            ({"run": "True"}, True),
            ({"run": "TRUE"}, True),
            ({"running": True}, True),
            ({"running": "false"}, False),
            ({"run": False, "running": True}, False),
        ],
    )
    async def test_starts_when_told_so(self, port: Any, members: dict[str, Any], run: bool) -> None:
        await hoplite.create_job(port, {"name": "p", **members})
        assert port.asked == [("create", NewJob("p", run=run), None)]


class TestJob:
    async def test_get_job(self, port: Any) -> None:
        assert orjson.loads(await hoplite.get_job(port, "u", 5)) == {**JOB, "job": JOB}
        assert port.asked == [("job_json", "u", 5)]

    async def test_update_job(self, port: Any) -> None:
        assert await hoplite.update_job(port, "u", {"status": {}}) == {**JOB, "job": JOB}
        assert port.asked == [("update", "u", {"status": {}})]

    async def test_start_job(self, port: Any) -> None:
        assert await hoplite.start_job(port, "u") == {"uuid": "u", "started": True}
        assert port.asked == [("start", "u")]

    async def test_kill_job(self, port: Any) -> None:
        assert await hoplite.kill_job(port, "u") == {"uuid": "u", "killed": True}
        assert port.asked == [("kill", "u")]

    async def test_delete_job(self, port: Any) -> None:
        assert await hoplite.delete_job(port, "u") == {"uuid": "u", "deleted": True}
        assert port.asked == [("delete", "u")]

    async def test_read_job_output(self, port: Any) -> None:
        found = await hoplite.read_job_output(port, "u", stream="stderr", offset=1, limit=2, tail=3, wait=4)
        assert found == {"text": "a"}
        assert port.asked == [("output", "u", Piece("stderr", 1, 2, 3, 4))]
