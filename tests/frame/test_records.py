"""The lines of the access log and of the audit log."""

import logging
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from opsgate.logs import JsonFormatter
from opsgate.metrics.meter import OPERATION, Label
from opsgate.records import Records


def asked(method: str = "GET", path: str = "/hoplite/jobs", *, caller: str = "", **members: Any) -> dict[str, Any]:
    """The scope of a request, as the guard leaves it."""
    return {
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"key=secret",
        "client": ("127.0.0.1", 4711),
        "request_id": "ab-1",
        OPERATION: Label("hoplite", "list_jobs"),
        "opsgate.caller": {"sub": caller} if caller else None,
        **members,
    }


class TestAccess:
    def test_text(self, tmp_path: Path) -> None:
        file = tmp_path / "access"
        records = Records(str(file))
        records.answered(asked(caller="matt"), 200, 0.0015)
        assert not file.exists()  # not while the client waits
        records.flush()
        line = re.sub(r"\[[^]]+\]", "[time]", file.read_text())
        assert line == '127.0.0.1 - matt [time] "GET /hoplite/jobs" 200 0.001500 hoplite.list_jobs ab-1\n'

    def test_json(self, tmp_path: Path) -> None:
        file = tmp_path / "access"
        records = Records(str(file), as_json=True)
        records.answered(asked(), 404, 0.25)
        records.flush()
        line = orjson.loads(file.read_bytes())
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", line.pop("time"))
        assert line == {
            "client": "127.0.0.1",
            "caller": "",
            "method": "GET",
            "path": "/hoplite/jobs",
            "api": "hoplite",
            "operation": "list_jobs",
            "status": 404,
            "seconds": 0.25,
            "request_id": "ab-1",
        }

    def test_nobody_writes_lines_of_his_own(self, tmp_path: Path) -> None:
        file = tmp_path / "access"
        records = Records(str(file))
        hostile = 'x" 200\n1.2.3.4 - root [now] "GET /'
        records.answered(asked(path=hostile, client=None, caller="a b\n\x1b"), 400, 0)
        records.flush()
        line = re.sub(r"\[2[^]]+\]", "[time]", file.read_text())
        assert line == (
            "- - a\\x20b\\x0a\\x1b [time] "
            '"GET x\\x22\\x20200\\x0a1.2.3.4\\x20-\\x20root\\x20[now]\\x20\\x22GET\\x20/" 400 0.000000 '
            "hoplite.list_jobs ab-1\n"
        )

    def test_a_file_that_was_moved_away_is_made_anew(self, tmp_path: Path) -> None:
        file, moved = tmp_path / "access", tmp_path / "access.1"
        records = Records(str(file))
        for _ in range(2):
            records.answered(asked(), 200, 0)
        records.flush()
        file.rename(moved)
        records.answered(asked(), 200, 0)
        records.flush()
        assert (len(moved.read_text().splitlines()), len(file.read_text().splitlines())) == (2, 1)


class TestAudit:
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
    def test_a_change_is_written_at_once(self, tmp_path: Path, method: str) -> None:
        file = tmp_path / "audit"
        records = Records(audit=str(file), as_json=True)
        records.answered(asked(method), 201, 0.1)
        assert orjson.loads(file.read_bytes())["method"] == method

    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    def test_reads_are_none(self, tmp_path: Path, method: str) -> None:
        file = tmp_path / "audit"
        Records(audit=str(file)).answered(asked(method), 200, 0.1)
        assert not file.exists()

    def test_a_full_disk_changes_no_answer(self, caplog: pytest.LogCaptureFixture) -> None:
        Records(audit="/dev/full").answered(asked("POST"), 200, 0.1)
        assert [record.getMessage() for record in caplog.records] == [
            "1 lines of /dev/full are lost: No space left on device"
        ]

    def test_no_secret_is_in_it(self, tmp_path: Path) -> None:
        file = tmp_path / "audit"
        Records(audit=str(file)).answered(asked("POST", headers=[(b"authorization", b"secret")]), 200, 0.1)
        assert "secret" not in file.read_text()


class TestWanted:
    def test_only_with_a_file(self) -> None:
        assert [records.wanted for records in (Records(), Records("-"), Records(audit="-"))] == [False, True, True]

    def test_a_directory_that_is_missing_is_told_at_the_start(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError) as caught:
            Records(str(tmp_path / "no" / "file")).try_out()
        assert caught.value.filename == str(tmp_path / "no" / "file")


class TestOwnLog:
    def test_json(self) -> None:
        failure = ValueError("inside")
        record = logging.LogRecord("a.b", logging.ERROR, "f", 1, "it %s\n", ("failed",), (ValueError, failure, None))
        line = orjson.loads(JsonFormatter().format(record))
        assert (line["level"], line["logger"], line["message"]) == ("error", "a.b", "it failed\n")
        assert line["exception"] == "ValueError: inside"
