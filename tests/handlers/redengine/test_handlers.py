"""Each handler asks the port once, with what was sent; all of the log is asked for page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from opsgate.backends.redengine.port import LogPage, Page, Piece
from opsgate.handlers import redengine
from tests.handlers.redengine.fake import LISTED, OBJECT, RUN, Port

pytestmark = pytest.mark.anyio


@pytest.fixture
def port() -> Any:
    return Port()


class TestTasks:
    async def test_list_tasks(self, port: Any) -> None:
        assert await redengine.list_tasks(port, [("name$regex", "a.+")]) == LISTED
        assert port.asked == [("tasks", [("name$regex", "a.+")])]

    async def test_get_task(self, port: Any) -> None:
        assert await redengine.get_task(port, "a") == OBJECT
        assert port.asked == [("task", "a")]

    async def test_create_task(self, port: Any) -> None:
        assert await redengine.create_task(port, "a", {"code": "1"}) == OBJECT
        assert port.asked == [("create", "a", {"code": "1"})]

    async def test_patch_task(self, port: Any) -> None:
        assert await redengine.patch_task(port, "a", {"disabled": True}) == OBJECT
        assert port.asked == [("patch", "a", {"disabled": True})]

    async def test_delete_task(self, port: Any) -> None:
        await redengine.delete_task(port, "a")
        assert port.asked == [("delete", "a")]

    async def test_pause_and_resume(self, port: Any) -> None:
        assert [await redengine.pause_task(port, "a"), await redengine.resume_task(port, "a")] == [OBJECT, OBJECT]
        assert port.asked == [("pause", "a"), ("resume", "a")]

    async def test_the_documents_table_names_the_same(self) -> None:
        for name in ("get", "create", "patch", "delete"):
            assert getattr(redengine, f"{name}_task_alias") is getattr(redengine, f"{name}_task")

    async def test_list_dependencies(self, port: Any) -> None:
        assert await redengine.list_dependencies(port, [("parent", "a")]) == LISTED
        assert port.asked == [("dependencies", [("parent", "a")])]


class TestRuns:
    async def test_run_and_stop(self, port: Any) -> None:
        assert [await redengine.run_task(port, "a"), await redengine.stop_task(port, "a")] == [RUN, RUN]
        assert [await redengine.get_run(port, "r"), await redengine.stop_run(port, "r")] == [RUN, RUN]
        assert port.asked == [("run_now", "a"), ("stop", "a"), ("run", "r"), ("stop_run", "r")]

    async def test_list_task_runs(self, port: Any) -> None:
        assert await redengine.list_task_runs(port, "a", 7) == [RUN]
        assert port.asked == [("runs", "a", 7)]

    async def test_outputs(self, port: Any) -> None:
        await redengine.read_task_output(port, "a", tail=3)
        await redengine.read_run_output(port, "r", stream="stderr", offset=1, limit=4, wait=2)
        assert port.asked == [
            ("task_output", "a", Piece("stdout", 0, 65536, 3, 0)),
            ("output", "r", Piece("stderr", 1, 4, None, 2)),
        ]


class TestConditions:
    async def test_preview_task(self, port: Any) -> None:
        assert await redengine.preview_task(port, "a", 2) == {"of": "preview"}
        assert port.asked == [("preview", "a", 2)]

    async def test_check_condition(self, port: Any) -> None:
        assert await redengine.check_condition(port, "daily", "a", 2) == {"of": "check_condition"}
        assert port.asked == [("check_condition", "daily", "a", 2)]


class TestSession:
    @pytest.mark.parametrize("name", ["parameters", "returns", "config"])
    async def test_read_and_change(self, port: Any, name: str) -> None:
        assert await getattr(redengine, f"get_{name}")(port) == OBJECT
        assert await getattr(redengine, f"patch_{name}")(port, {"k": 1}) == OBJECT
        assert port.asked == [(name,), (f"patch_{name}", {"k": 1})]

    async def test_the_older_name_of_the_configuration(self) -> None:
        assert (redengine.get_configs, redengine.patch_configs) == (redengine.get_config, redengine.patch_config)

    async def test_whole(self, port: Any) -> None:
        assert [await redengine.get_session(port), await redengine.export_session(port)] == [OBJECT, OBJECT]
        assert await redengine.import_session(port, {"format": 1}, "replace") == {"of": "import_session"}
        assert await redengine.get_scheduler(port) == {"of": "scheduler"}
        assert port.asked == [
            ("session",),
            ("export_session",),
            ("import_session", {"format": 1}, "replace"),
            ("scheduler",),
        ]


class TestLogs:
    async def test_a_page(self, port: Any) -> None:
        query = [("action", "fail"), ("limit", "3"), ("offset", "1"), ("order", "desc"), ("after_id", "9")]
        assert await redengine.list_logs(port, query, limit=3, offset=1, after_id=9, order="desc") == LogPage(
            b'[{"id":1}]', None
        )
        assert port.asked == [("logs", [("action", "fail")], Page(True, 3, 1, 9))]

    async def test_all_of_a_short_log(self, port: Any) -> None:
        assert await redengine.list_logs(port, []) == LogPage(b'[{"id":1}]', None)

    @pytest.mark.parametrize("last", [b'[{"id":3}]', b"[]"])
    async def test_all_of_a_long_log(self, port: Any, last: bytes) -> None:
        port.pages = [LogPage(b'[{"id":1}]', 1), LogPage(b'[{"id":2}]', 2), LogPage(last, None)]
        pieces = await redengine.list_logs(port, [("limit$min", "1")], offset=5)
        assert isinstance(pieces, AsyncIterator)
        inner = last[1:-1]
        assert (
            b"".join([piece async for piece in pieces])
            == b'[{"id":1},{"id":2}' + (b"," + inner if inner else b"") + b"]"
        )
        pages = [Page(False, redengine.CHUNK, offset, after) for offset, after in ((5, None), (0, 1), (0, 2))]
        assert port.asked == [("logs", [("limit$min", "1")], page) for page in pages]
