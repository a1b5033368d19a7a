"""Access log, audit log and the service's own log of a live gateway."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engines.gateway import Gateway, free_port
from tests.engines.waiting import until


@dataclass
class Logged:
    """A gateway and its logs."""

    gateway: Gateway
    access: Path
    audit: Path

    def line(self, file: Path, request_id: str) -> dict[str, Any]:
        """The line of a request, as soon as it is there."""

        def find() -> dict[str, Any] | None:
            lines = map(json.loads, file.read_text().splitlines())
            return next((line for line in lines if line["request_id"] == request_id), None)

        return until(find, f"the line of {request_id}")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logged]:
    directory = tmp_path_factory.mktemp("r")
    port = free_port()
    access, audit = directory / "access", directory / "audit"
    environment = {
        "OPSGATE_JOBS_STATE_DIR": str(directory / "jobs"),
        "OPSGATE_SERVER_ACCESS_LOG": str(access),
        "OPSGATE_SERVER_AUDIT_LOG": str(audit),
        "OPSGATE_SERVER_LOG_FORMAT": "json",
    }
    arguments = ["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{port}", "--workers", "2"]
    with Gateway(arguments, port, directory / "log", environment) as running:
        yield Logged(running, access, audit)


class TestLogs:
    def test_a_read_is_in_the_access_log_alone(self, logged: Logged) -> None:
        headers = {"X-Request-ID": "read-1"}
        httpx.get(f"{logged.gateway.url}/hoplite/jobs?limit=1", headers=headers, timeout=60)
        line = logged.line(logged.access, "read-1")
        assert (line["operation"], line["status"], line["path"]) == ("list_jobs", 200, "/hoplite/jobs")
        assert "read-1" not in logged.audit.read_text()

    def test_a_change_is_in_both_as_soon_as_it_is_answered(self, logged: Logged) -> None:
        body, headers = {"plugin_name": "none"}, {"X-Request-ID": "write-1"}
        httpx.post(f"{logged.gateway.url}/hoplite/jobs", json=body, headers=headers, timeout=60)
        assert "write-1" in logged.audit.read_text()
        assert logged.line(logged.audit, "write-1") == logged.line(logged.access, "write-1")
        assert logged.line(logged.audit, "write-1")["operation"] == "create_job"

    def test_refusals_are_logged(self, logged: Logged) -> None:
        headers = {"X-Request-ID": "foreign-1", "Origin": "https://evil.example"}
        httpx.post(f"{logged.gateway.url}/hoplite/jobs", headers=headers, timeout=60)
        line = logged.line(logged.audit, "foreign-1")
        assert (line["status"], line["api"], line["operation"]) == (403, "", "")

    def test_its_own_lines_are_json_too(self, logged: Logged) -> None:
        lines = [json.loads(line) for line in logged.gateway.log.read_text().splitlines()]
        assert any(re.match("Listening at: ", line["message"]) for line in lines)

    def test_a_file_that_cannot_be_written_stops_the_start(self, tmp_path: Path) -> None:
        port = free_port()
        environment = {"OPSGATE_JOBS_STATE_DIR": str(tmp_path), "OPSGATE_SERVER_AUDIT_LOG": str(tmp_path / "no" / "a")}
        arguments = ["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{port}"]
        with pytest.raises(RuntimeError, match=f"audit_log: {tmp_path}/no/a: No such file or directory"):
            Gateway(arguments, port, tmp_path / "log", environment)
