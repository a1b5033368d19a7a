"""Who is let in where the service asks for tokens, may only be read, or was shown too many wrong credentials."""

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

JOBS = "/hoplite/jobs"
CHALLENGE = 'Bearer realm="opsgate"'
NEEDED = "Credentials are needed: Authorization: Bearer TOKEN, X-API-Key: TOKEN, or ?key=TOKEN"


@dataclass
class Guarded:
    """A gateway that asks for tokens, of which it knows some."""

    gateway: Gateway
    file: Path
    full: str
    reads: str
    flux: str
    expired: str

    def ask(self, path: str = JOBS, method: str = "GET", token: str = "", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.request(
            method, self.gateway.url + path, headers={**headers, **more.pop("headers", {})}, **more, timeout=60
        )


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("a")
    port = free_port()
    file = directory / "tokens.json"
    made = {
        "full": tokens.create(file, "all of it"),
        "reads": tokens.create(file, "a dashboard", scopes=["*:read"]),
        "flux": tokens.create(file, "jobs", scopes=["flux:full", "hoplite:read"]),
        "expired": tokens.create(file, "old", days=-1),
    }
    environment = {
        "OPSGATE_JOBS_STATE_DIR": str(directory / "jobs"),
        "OPSGATE_SERVER_TOKENS_FILE": str(file),
        "OPSGATE_SERVER_MAX_FAILED_LOGINS": "0",
        "FLUX_USER_AUTH": "true",
        "FLUX_USER": "fluxuser",
        "FLUX_TOKEN": "12345",
    }
    arguments = ["serve", "--api", "hoplite", "--api", "flux", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
    with Gateway(arguments, port, directory / "log", environment) as running:
        yield Guarded(running, file, **made)


class TestTokens:
    def test_nobody_is_let_in_without(self, guarded: Guarded) -> None:
        answer = guarded.ask()
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, CHALLENGE)
        assert answer.json() == {"error": NEEDED}

    def test_are_taken_from_three_places(self, guarded: Guarded) -> None:
        answers = [
            guarded.ask(token=guarded.full),
            guarded.ask(headers={"X-API-Key": guarded.full}),
            guarded.ask(params={"key": guarded.full, "limit": "1"}),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200]

    @pytest.mark.parametrize("place", ["header", "key", "query"])
    def test_wrong_ones_are_refused(self, guarded: Guarded, place: str) -> None:
        places: dict[str, dict[str, Any]] = {
            "header": {"token": "wrong"},
            "key": {"headers": {"X-API-Key": "wrong"}},
            "query": {"params": {"key": "wrong"}},
        }
        assert guarded.ask(**places[place]).status_code == httpx.codes.UNAUTHORIZED

    def test_expired_ones_are_refused(self, guarded: Guarded) -> None:
        assert guarded.ask(token=guarded.expired).status_code == httpx.codes.UNAUTHORIZED

    def test_those_for_reading_change_nothing(self, guarded: Guarded) -> None:
        assert guarded.ask(token=guarded.reads).status_code == httpx.codes.OK
        answer = guarded.ask(method="POST", token=guarded.reads, json={"plugin_name": "x"})
        assert answer.status_code == httpx.codes.FORBIDDEN
        assert answer.json() == {"error": "This token is good for *:read, not for POST in the API hoplite"}

    def test_those_for_one_api_open_no_other(self, guarded: Guarded) -> None:
        submitted = guarded.ask("/flux/jobs/submit", "POST", guarded.flux, json={"command": "true"})
        assert submitted.status_code == httpx.codes.OK
        assert guarded.ask(token=guarded.flux).status_code == httpx.codes.OK
        refused = guarded.ask(method="POST", token=guarded.flux, json={"plugin_name": "x"})
        assert refused.status_code == httpx.codes.FORBIDDEN

    def test_can_be_added_and_revoked_while_it_serves(self, guarded: Guarded) -> None:
        fresh = tokens.create(guarded.file, "fresh")
        until(lambda: guarded.ask(token=fresh).status_code == httpx.codes.OK)
        assert len(tokens.revoke(guarded.file, lambda number, entry: tokens.names("fresh", number, entry))) == 1
        until(lambda: guarded.ask(token=fresh).status_code == httpx.codes.UNAUTHORIZED)


class TestOwnCredentials:
    def test_of_a_document_stay_valid(self, guarded: Guarded) -> None:
        answer = httpx.get(f"{guarded.gateway.url}/flux/nodes", auth=("fluxuser", "12345"), timeout=60)
        assert answer.status_code == httpx.codes.OK

    def test_of_a_document_are_judged(self, guarded: Guarded) -> None:
        answer = httpx.get(f"{guarded.gateway.url}/flux/nodes", auth=("fluxuser", "wrong"), timeout=60)
        assert answer.status_code == httpx.codes.UNAUTHORIZED

    def test_a_job_shows_its_own_key(self, guarded: Guarded) -> None:
        answer = guarded.ask(f"{JOBS}/none", "PUT", json={"status": {}, "api_key": "x"})
        assert answer.status_code == httpx.codes.NOT_FOUND


class TestPages:
    @pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/ui/", "/hoplite/openapi.json", "/metrics"])
    def test_are_open(self, guarded: Guarded, path: str) -> None:
        assert guarded.ask(path).status_code == httpx.codes.OK

    def test_documents_tell_how_to_show_a_token(self, guarded: Guarded) -> None:
        document = guarded.ask("/hoplite/openapi.json").json()
        assert {} in document["security"]
        assert set(document["components"]["securitySchemes"]) == {"token", "tokenHeader", "tokenKey"}


class TestAudit:
    def test_no_token_is_in_any_answer_or_log(self, guarded: Guarded) -> None:
        guarded.ask("/hoplite/jobs?state=asleep", token=guarded.full)
        assert guarded.full not in guarded.gateway.log.read_text()
        assert guarded.full not in json.dumps(guarded.file.read_text())


class TestReadOnly:
    def test_reads_are_answered_and_changes_refused(self, tmp_path: Path) -> None:
        port = free_port()
        environment = {"OPSGATE_JOBS_STATE_DIR": str(tmp_path / "jobs"), "OPSGATE_SERVER_READ_ONLY": "true"}
        arguments = ["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
        with Gateway(arguments, port, tmp_path / "log", environment) as gateway:
            assert httpx.get(f"{gateway.url}/hoplite/jobs", timeout=60).status_code == httpx.codes.OK
            answer = httpx.post(f"{gateway.url}/hoplite/jobs", json={"plugin_name": "x"}, timeout=60)
            assert answer.status_code == httpx.codes.FORBIDDEN
            assert answer.json() == {"error": "This service is read-only: POST is not possible"}


class TestTooManyAttempts:
    def test_are_refused_for_a_while_whatever_is_shown(self, tmp_path: Path) -> None:
        port, file = free_port(), tmp_path / "tokens.json"
        good = tokens.create(file, "good")
        environment = {
            "OPSGATE_JOBS_STATE_DIR": str(tmp_path / "jobs"),
            "OPSGATE_SERVER_TOKENS_FILE": str(file),
            "OPSGATE_SERVER_MAX_FAILED_LOGINS": "3",
        }
        arguments = ["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
        with Gateway(arguments, port, tmp_path / "log", environment) as gateway:
            url = f"{gateway.url}/hoplite/jobs"
            assert httpx.get(url, headers={"X-API-Key": good}, timeout=60).status_code == httpx.codes.OK
            statuses = [httpx.get(url, headers={"X-API-Key": "wrong"}, timeout=60).status_code for _ in range(4)]
            assert statuses == [401, 401, 401, 429]
            answer = httpx.get(url, headers={"X-API-Key": good}, timeout=60)
            assert (answer.status_code, 0 < int(answer.headers["Retry-After"]) <= 60) == (429, True)
            assert httpx.get(url, timeout=60).status_code == httpx.codes.UNAUTHORIZED
            assert httpx.get(f"{gateway.url}/healthz", timeout=60).status_code == httpx.codes.OK


class TestStart:
    def test_needs_the_file(self, tmp_path: Path) -> None:
        port = free_port()
        environment = {
            "OPSGATE_JOBS_STATE_DIR": str(tmp_path),
            "OPSGATE_SERVER_TOKENS_FILE": str(tmp_path / "none.json"),
        }
        with pytest.raises(RuntimeError, match="tokens_file: there is no .*none.json; `opsgate token add` makes it"):
            Gateway(["serve", "--api", "hoplite", "--bind", f"127.0.0.1:{port}"], port, tmp_path / "log", environment)
