"""What is believed of proxies, and of whom."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from opsgate import tokens
from tests.engines.gateway import Gateway, free_port
from tests.engines.waiting import until


@dataclass
class Behind:
    """A gateway that believes some proxies."""

    gateway: Gateway
    access: Path
    token: str

    def ask(self, forwarded: str | None = None, key: str = "", **headers: str) -> httpx.Response:
        more = {} if forwarded is None else {"X-Forwarded-For": forwarded}
        shown = {"X-API-Key": key} if key else {}
        return httpx.get(f"{self.gateway.url}/hoplite/jobs", headers={**more, **shown, **headers}, timeout=60)

    def client(self, request_id: str) -> Any:
        """Whom the access log takes for the sender of a request, as soon as it is told."""

        def find() -> dict[str, Any] | None:
            lines = map(json.loads, self.access.read_text().splitlines())
            return next((line for line in lines if line["request_id"] == request_id), None)

        return until(find, f"the line of {request_id}")["client"]


def behind(directory: Path, proxies: str) -> Behind:
    port, file = free_port(), directory / "tokens.json"
    token = tokens.create(file, "good")
    environment = {
        "OPSGATE_JOBS_STATE_DIR": str(directory / "jobs"),
        "OPSGATE_SERVER_TOKENS_FILE": str(file),
        "OPSGATE_SERVER_MAX_FAILED_LOGINS": "3",
        "OPSGATE_SERVER_ACCESS_LOG": str(directory / "access"),
        "OPSGATE_SERVER_LOG_FORMAT": "json",
        "OPSGATE_SERVER_PROXIES": proxies,
        "OPSGATE_SERVER_HOSTS": "ops.example",
    }
    arguments = ["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    return Behind(Gateway(arguments, port, directory / "log", environment), directory / "access", token)


@pytest.fixture(scope="module")
def believing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """One that believes us, and a network."""
    one = behind(tmp_path_factory.mktemp("x"), "127.0.0.1,10.9.0.0/16")
    with one.gateway:
        yield one


@pytest.fixture(scope="module")
def doubting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """One that believes somebody else."""
    one = behind(tmp_path_factory.mktemp("y"), "10.9.0.1")
    with one.gateway:
        yield one


class TestBelieved:
    @pytest.mark.parametrize(
        ("forwarded", "client"),
        [
            (None, "127.0.0.1"),
            ("203.0.113.7", "203.0.113.7"),
            ("1.1.1.1, 203.0.113.7", "203.0.113.7"),  # the first is what the client itself said
            ("203.0.113.7, 10.9.1.1", "203.0.113.7"),  # two proxies in a row
            ("2001:db8::7", "2001:db8::7"),
        ],
    )
    def test_the_access_log_has_the_client(self, believing: Behind, forwarded: str | None, client: str) -> None:
        request_id = f"c-{client}-{forwarded and len(forwarded)}"
        believing.ask(forwarded, believing.token, **{"X-Request-ID": request_id})
        assert believing.client(request_id) == client

    def test_wrong_attempts_count_for_the_client(self, believing: Behind) -> None:
        bad = [believing.ask("203.0.113.9", "wrong").status_code for _ in range(4)]
        assert bad == [401, 401, 401, 429]
        assert believing.ask("203.0.113.10", "wrong").status_code == httpx.codes.UNAUTHORIZED
        assert believing.ask("203.0.113.10", believing.token).status_code == httpx.codes.OK

    def test_a_client_cannot_hide_behind_others(self, believing: Behind) -> None:
        statuses = [believing.ask(f"198.51.100.{number}, 203.0.113.11", "wrong").status_code for number in range(4)]
        assert statuses == [401, 401, 401, 429]

    def test_a_page_by_the_proxys_name_and_scheme_is_ours(self, believing: Behind) -> None:
        headers = {"Host": "ops.example", "Origin": "https://ops.example", "X-Forwarded-Proto": "https"}
        assert believing.ask("203.0.113.12", believing.token, **headers).status_code == httpx.codes.OK


class TestNotBelieved:
    def test_is_who_is_no_proxy(self, doubting: Behind) -> None:
        doubting.ask("203.0.113.7", doubting.token, **{"X-Request-ID": "lied"})
        assert doubting.client("lied") == "127.0.0.1"

    def test_so_wrong_attempts_are_his_own(self, doubting: Behind) -> None:
        statuses = [doubting.ask(f"203.0.113.{number}", "wrong").status_code for number in range(4)]
        assert statuses == [401, 401, 401, 429]
