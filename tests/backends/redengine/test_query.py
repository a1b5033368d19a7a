"""The query language, over tasks and over a log that was made up."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.redengine import changes, progress
from opsgate.backends.redengine.port import Page
from opsgate.backends.redengine.query import pairs
from opsgate.backends.redengine.store import Store
from tests.backends.redengine.support import Place

pytestmark = pytest.mark.anyio
DAY = datetime(2026, 3, 1).timestamp()
RUNS = (
    ("scraper.news", "success", 0, 1.5),
    ("scraper.news", "fail", 3600, 0.25),
    ("load", "success", 7200, 61.0),
    ("load", "terminate", 86400, 2.0),
    ("aaaaaaaaaaaaaaaaaaaaaaaaaaa!", "inaction", 172800, 0.0),
)
"""Task, how it ended, when it began after DAY, how long it took."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with these runs, and a task that is none of them."""
    root = tmp_path_factory.mktemp("logged")
    asyncio.run(fill(Place(root)))
    return root


@pytest.fixture
async def logged(made: Path, tmp_path: Path) -> AsyncIterator[Place]:
    """A copy of it."""
    shutil.copytree(made, tmp_path / "copy")
    place = Place(tmp_path / "copy")
    yield place
    await place.close()


async def fill(place: Place) -> None:
    """Make up tasks and runs."""
    for name in dict.fromkeys(name for name, *_ in RUNS):
        await place.backend.create(name, {"code": f"pass # {name}"})
    store = Store(place.options.root)
    for name, action, after, runtime in RUNS:
        start = DAY + after
        text = "Traceback: boom" if action == "fail" else None
        ending = progress.Ending(action, start, start + runtime, runtime, exc_text=text)  # type: ignore[arg-type]
        await store.do(lambda db, name=name, ending=ending: end_run(db, name, ending))  # type: ignore[misc]
    await store.aclose()
    await place.backend.create("other", {"command": ["ls"], "timeout": "10 min", "priority": 3, "disabled": True})
    await place.close()


def end_run(db: object, name: str, ending: progress.Ending) -> None:
    """Note a run and its end."""
    row = changes.get(db, name)  # type: ignore[arg-type]
    run_id = progress.hand_over(db, row, "schedule")  # type: ignore[arg-type]
    progress.ended(db, str(run_id), ending)  # type: ignore[arg-type]


class TestPairs:
    @pytest.mark.parametrize(
        ("raw", "expected"),
        [
            ("name$regex=scraper.%2", [("name$regex", "scraper.+")]),
            ("name$regex=scraper.%2B", [("name$regex", "scraper.+")]),
            ("name%24regex=a%2Fb", [("name$regex", "a/b")]),
            ("a=1+2&a=%252", [("a", "1 2"), ("a", "%2")]),
            ("status=&x", [("status", ""), ("x", "")]),
            ("a=%2&b=%2G&c=%2g%2", [("a", "+"), ("b", "+G"), ("c", "+g+")]),
            ("", []),
        ],
    )
    def test_of(self, raw: str, expected: list[tuple[str, str]]) -> None:
        assert pairs(raw) == expected


class TestLogs:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
            ("action=fail", [4]),
            ("action=fail&action=terminate", [4, 8]),
            ("action$not=run&action$not=success", [4, 8, 10]),
            ("task_name=load&action=run", [5, 7]),
            ("task_name=load&task_name=scraper.news&action=success&action=fail", [2, 4, 6]),
            ("task_name=nothing", []),
            ("task_name$regex=scr", [1, 2, 3, 4]),
            ("task_name$regex=oad", []),
            ("task_name$regex=LOAD", []),
            ("task_name$regex=(?i)LOAD", [5, 6, 7, 8]),
            ("task_name$regex=scraper&task_name$regex=load&task_name=load", [5, 6, 7, 8]),
            ("task_name$regex=no.such&timestamp$min=2026-03-01", []),
            ("timestamp$min=2100-01-01", []),
            ("timestamp$min=2026-03-01&timestamp$max=2026-03-01", [1]),
            ("timestamp$min=2026-03-01&timestamp$max=2026-03-02", [1, 2, 3, 4, 5, 6, 7]),
            ("timestamp$min=2026-03-01 01:00:00&timestamp$max=2026-03-01T02:00:00.5", [3, 4, 5]),
            ("timestamp$min=2021-01-01&timestamp$max=2021-12-31", []),
            ("timestamp=2026-03-01 00:00:01.5", [2]),
            ("start=2026-03-01&action$not=run", [2]),
            ("end$min=2026-03-02", [8, 10]),
            ("end=null", [1, 3, 5, 7, 9]),
            ("end=", [1, 3, 5, 7, 9]),
            ("end$not=null&action$not=success", [4, 8, 10]),
            ("runtime$min=2 s", [6, 8]),
            ("runtime$max=0 days 00:00:00.25", [4, 10]),
            ("runtime=1500 ms", [2]),
            ("levelno=40", [4]),
            ("levelno$min=30", [4]),
            ("levelname=ERROR", [4]),
            ("exc_text$regex=.*boom", [4]),
            ("exc_text$not=null", [4]),
            ("message$regex=Task 'load' status: 't", [8]),
            (f"created$max={DAY}", [1]),
            (f"created$min={DAY + 172800}&action=inaction", [10]),
            ("id=3&id=5", [3, 5]),
            ("run_id=null", []),
        ],
    )
    async def test_finds(self, logged: Place, query: str, expected: list[int]) -> None:
        assert [record["id"] for record in await logged.logs(pairs(query))] == expected

    async def test_a_time_with_an_offset(self, logged: Place) -> None:
        shown = datetime.fromtimestamp(DAY + 3600).astimezone()
        for text in (shown.isoformat(), shown.isoformat().replace("+", " ")):
            found = await logged.logs([("timestamp", text), ("action", "run")])
            assert [record["id"] for record in found] == [3]
        utc = datetime.fromtimestamp(DAY + 3600, UTC).replace(tzinfo=None).isoformat() + "Z"
        assert [record["id"] for record in await logged.logs([("timestamp", utc), ("action", "run")])] == [3]

    async def test_a_record(self, logged: Place) -> None:
        run, end = await logged.logs((("task_name", "scraper.news"), ("timestamp$min", "2026-03-01 00:30")))
        common = {
            "task_name": "scraper.news", "start": "2026-03-01 01:00:00.000000", "run_id": run["run_id"],
        }  # fmt: skip
        assert run == common | {
            "id": 3, "action": "run", "timestamp": "2026-03-01 01:00:00.000000", "created": DAY + 3600,
            "message": "Task 'scraper.news' status: 'run'", "levelname": "INFO", "levelno": 20, "exc_text": None,
        }  # fmt: skip
        assert end == common | {
            "id": 4, "action": "fail", "timestamp": "2026-03-01 01:00:00.250000", "created": DAY + 3600.25,
            "end": "2026-03-01 01:00:00.250000", "runtime": "0 days 00:00:00.250000",
            "message": "Task 'scraper.news' status: 'fail'", "levelname": "ERROR", "levelno": 40,
            "exc_text": "Traceback: boom",
        }  # fmt: skip

    @pytest.mark.parametrize("is_quick", [True, False])
    async def test_in_pages(self, logged: Place, is_quick: bool) -> None:
        filters = [("action$not", "run"), *([("action$not", "no")] if is_quick else [])]
        seen, page = [], Page(limit=2)
        while True:
            found = await logged.backend.logs(filters, page)
            seen.append([record["id"] for record in json.loads(found.body)])
            if found.after_id is None:
                break
            page = Page(limit=2, after_id=found.after_id)
        assert seen == [[2, 4], [6, 8], [10]]

    async def test_the_newest_first(self, logged: Place) -> None:
        first = await logged.backend.logs((("task_name", "load"),), Page(newest_first=True, limit=3))
        assert [record["id"] for record in json.loads(first.body)] == [8, 7, 6]
        rest = await logged.backend.logs((("task_name", "load"),), Page(newest_first=True, after_id=first.after_id))
        assert ([record["id"] for record in json.loads(rest.body)], rest.after_id) == ([5], None)

    async def test_with_an_offset(self, logged: Place) -> None:
        found = await logged.backend.logs((), Page(limit=2, offset=9))
        assert ([record["id"] for record in json.loads(found.body)], found.after_id) == ([10], None)

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("colour=red", "^colour: there is no field 'colour'; there are action, created"),
            ("=1", "^: there is no field ''"),
            ("$min=1", r"^\$min: there is no field ''"),
            ("action$in=run", r"^action\$in: there is no operator \$in"),
            ("action$=run", r"^action\$: there is no operator \$;"),
            ("timestamp$min$max=1", r"there is no operator \$min\$max"),
            ("timestamp$min=yesterday", r"^timestamp\$min: 'yesterday' is no time"),
            ("timestamp=", ""),
            ("timestamp$min=2026-02-30", "is no time"),
            ("timestamp$min=", "is no time"),
            ("timestamp$min=2026-02-28 25:00", "is no time"),
            ("levelno=high", "^levelno: 'high' is no whole number"),
            ("levelno=99999999999999999999", "is no whole number"),
            ("levelno=1_0", "is no whole number"),
            ("id=%D9%A1", "is no whole number"),
            ("created$min=1e999", "is no number"),
            ("created$min=nan", "is no number"),
            ("runtime=long", "is no duration"),
            ("task_name$regex=(", r"^task_name\$regex: '\(' is no regular expression"),
            (r"task_name$regex=(a)\1", "is no regular expression"),
            ("task_name$regex=" + "a" * 1001, "1000 characters at most"),
            ("levelno$regex=4", r"^levelno\$regex: \$regex is for texts"),
        ],
    )
    async def test_wrong(self, logged: Place, query: str, message: str) -> None:
        if not message:
            assert await logged.logs(pairs(query)) == []
            return
        with pytest.raises(Invalid, match=message):
            await logged.logs(pairs(query))

    async def test_an_expression_that_would_take_for_ever(self, logged: Place) -> None:
        began = time.process_time()
        assert await logged.logs((("task_name$regex", "(a+)+$"),)) == []
        assert time.process_time() - began < 5  # 2 to the 27th steps, where it is tried one way after the other


class TestTasks:
    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ("disabled=true", ["other"]),
            ("disabled=0&name$not=load", ["scraper.news", "aaaaaaaaaaaaaaaaaaaaaaaaaaa!"]),
            ("disabled=false&disabled=true&priority=3", ["other"]),
            ("priority$min=1", ["other"]),
            ("name$regex=scraper.%2", ["scraper.news"]),
            ("status=fail", ["scraper.news"]),
            ("status=null", ["other"]),
            ("status$not=null&status$not=fail", ["load", "aaaaaaaaaaaaaaaaaaaaaaaaaaa!"]),
            ("class=CommandTask", ["other"]),
            ("code$regex=pass", ["scraper.news", "load", "aaaaaaaaaaaaaaaaaaaaaaaaaaa!"]),
            ("code=null", ["other"]),
            ('command$regex=\\["ls', ["other"]),
            ("start_cond=false&timeout=0 days 00:10:00", ["other"]),
            ("timeout$min=5 min", ["other"]),
            ("last_success=2026-03-01 02:01:01", ["load"]),
            ("last_fail$min=2026-03-01", ["scraper.news"]),
            ("last_fail$max=2026-03-01", []),
            ("parameters={}&daemon=null&permanent_task=false&priority=3", ["other"]),
        ],
    )
    async def test_finds(self, logged: Place, query: str, expected: list[str]) -> None:
        assert await logged.names(pairs(query)) == expected

    @pytest.mark.parametrize("query", ["disabled=perhaps", "priority=1.5", "nothing=1", "daemon$regex=t", "last_run=x"])
    async def test_wrong(self, logged: Place, query: str) -> None:
        with pytest.raises(Invalid, match=f"^{query.partition('=')[0].replace('$', '.')}: "):
            await logged.names(pairs(query))


class TestLargeLog:
    async def test_is_searched_by_index(self, logged: Place) -> None:
        store = Store(logged.options.root)
        db = (await store()).reader.db
        for condition in ("task_name = 'x' AND action = 'y'", "action IN ('x')", "timestamp >= 'x'", "run_id IN ('x')"):
            plan = db.execute(f"EXPLAIN QUERY PLAN SELECT 1 FROM log WHERE {condition} LIMIT 1").fetchall()  # noqa: S608
            assert ["USING" in row[3] and "INDEX" in row[3] for row in plan] == [True], plan
        await store.aclose()
