"""Who may do what through the ecFlow API, and who is refused, over HTTP on real servers."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from opsgate import tokens
from tests.engines.ecflow_gateway import Site, running
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.filterwarnings("ignore:'crypt' is deprecated:DeprecationWarning")

SUSPEND = {"action": "suspend"}
CHALLENGES = ['Basic realm="ecFlow"', 'Bearer realm="ecFlow"']


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("callers")
    server = EcflowServer(directory / "server")
    server.start()
    try:
        server.load(f"suite s\n{server.variables}  task t\nendsuite\n")
        with running(directory, server) as started:
            yield started
            assert "Traceback" not in started.gateway.log.read_text()
    finally:
        server.terminate()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with passwords; the service is its user `service`."""
    directory = tmp_path_factory.mktemp("guarded")
    server = EcflowServer(directory / "server", passwords={"service": "secret", "mary": "lamb"})
    server.start()
    try:
        server.load("suite s\n  task t\nendsuite\n")
        with running(directory, server, environment={"ECF_USER": "service", "ECF_PASS": "secret"}) as started:
            yield started
    finally:
        server.terminate()


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def put(site: Site, headers: dict[str, str], query: str = "") -> httpx.Response:
    return httpx.put(f"{site.url}/suites/s/status{query}", json=SUSPEND, headers=headers, timeout=60)


class TestTokens:
    def test_bearer(self, site: Site) -> None:
        assert put(site, {"Authorization": f"Bearer {site.token}"}).status_code == 200
        assert put(site, {"authorization": f"bearer {site.token}"}).status_code == 200

    def test_key_in_header_and_query(self, site: Site) -> None:
        assert put(site, {"X-API-Key": site.token}).status_code == 200
        assert put(site, {}, f"?key={site.token}").status_code == 200

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": ""},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic"},
            {"Authorization": "Basic ???"},
            {"Authorization": "Basic " + base64.b64encode(b"no colon").decode()},
            {"Authorization": "Basic " + base64.b64encode(b":password").decode()},
            {"Authorization": "Digest x"},
            {"X-API-Key": "wrong"},
            {"X-API-Key": ""},
        ],
        ids=str,
    )
    def test_refused(self, site: Site, headers: dict[str, str]) -> None:
        answer = put(site, headers)
        assert answer.status_code == 401
        assert answer.headers.get_list("www-authenticate") == CHALLENGES
        assert {**answer.json(), "message": ""} == {
            "code": 401,
            "status": 401,
            "message": "",
            "path": "/v1/suites/s/status",
            "method": "PUT",
            "body": '{"action":"suspend"}',
        }

    @pytest.mark.parametrize("query", ["", "?key=", "?key=wrong", "?key=wrong&force=true", "?apikey=x"])
    @pytest.mark.parametrize("path", ["suites/s/definition", "server/attributes", "server/zombies"])
    def test_refused_with_a_wrong_key(self, site: Site, path: str, query: str) -> None:
        method = "PUT" if path.endswith("zombies") else "DELETE"
        assert httpx.request(method, f"{site.url}/{path}{query}", timeout=60).status_code == 401

    def test_another_scheme_counts_even_with_a_key(self, site: Site) -> None:
        assert put(site, {"Authorization": "Digest x", "X-API-Key": site.token}).status_code == 401

    def test_refused_before_body_and_node_are_looked_at(self, site: Site) -> None:
        for method, path in [("PUT", "suites/none/status"), ("POST", "suites"), ("DELETE", "server/attributes")]:
            answer = httpx.request(method, f"{site.url}/{path}", content=b"{broken", timeout=60)
            assert answer.status_code == 401

    def test_expired_and_revoked(self, site: Site) -> None:
        yesterday = tokens.create(site.tokens_file, "yesterday", days=-1)
        revoked = tokens.create(site.tokens_file, "revoked")
        tokens.revoke(site.tokens_file, lambda _, entry: entry.description == "revoked")
        time.sleep(1.1)  # an unknown token makes the file be looked at, at most once a second
        for token in (yesterday, revoked):
            assert put(site, {"X-API-Key": token}).status_code == 401

    def test_one_that_was_added_while_it_runs(self, site: Site) -> None:
        added = tokens.create(site.tokens_file, "added", method="pbkdf2:sha256")
        deadline = time.monotonic() + 21
        while put(site, {"X-API-Key": added}).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert put(site, {"X-API-Key": site.token}).status_code == 200


class TestReading:
    def test_needs_nothing(self, site: Site) -> None:
        for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Basic"}):
            assert httpx.get(f"{site.url}/suites", headers=headers, timeout=60).json() == ["s"]

    def test_of_passwords_needs_a_token(self, site: Site) -> None:
        site.server.command("AlterCmd", **alter("ECF_JOB_CMD", "true"))
        site.server.script("/s/t", "ECF_PASS=%ECF_PASS%")
        with site.client() as client:
            assert client.put("/suites/s/status", json={"action": "resume"}).status_code == 200
            assert client.put(
                "/suites/s/t/status", json={"action": "defstatus", "defstatus_value": "complete"}
            ).is_success
            assert client.put("/suites/s/status", json={"action": "begin"}).status_code == 200
            assert client.put("/suites/s/t/status", json={"action": "execute"}).status_code == 200
            site.server.wait_for("/s/t", "submitted")
            seen = password(client.get("/suites/s/t/attributes").json())
            masked = password(httpx.get(f"{site.url}/suites/s/t/attributes", timeout=60).json())
            assert len(seen) == 8
            assert seen != masked
            script = httpx.get(f"{site.url}/suites/s/t/script", timeout=60).json()
            assert seen not in script["job"]
            assert seen in client.get("/suites/s/t/script").json()["job"]
            report = {"ECF_NAME": "/s/t", "ECF_RID": "1", "ECF_TRYNO": 1, "action": "init"}
            url = f"{site.url}/suites/s/t/status"
            assert httpx.put(url, json={**report, "ECF_PASS": "wrong"}, timeout=9).status_code == 409
            assert httpx.put(url, json={**report, "ECF_PASS": seen}, timeout=9).status_code == 200
            done = {**report, "action": "complete", "ECF_PASS": seen}
            assert httpx.put(url, json=done, headers={"X-API-Key": "ignored"}, timeout=9).status_code == 200
            site.server.wait_for("/s/t", "complete")


class TestBasic:
    def test_is_judged_by_the_server(self, guarded: Site) -> None:
        assert put(guarded, basic("mary:lamb")).status_code == 200
        for wrong in ("mary:wolf", "nobody:lamb", "x:y"):
            answer = put(guarded, basic(wrong))
            assert (answer.status_code, "www-authenticate" in answer.headers) == (401, True), answer.text

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("DELETE", "suites/none", None),
            ("DELETE", "suites/none/definition", None),
            ("DELETE", "server/attributes?type=variable&name=NONE", None),
            ("PUT", "server/zombies", {"action": "fob", "path": "/none"}),
            ("PUT", "suites/none/status", SUSPEND),
            ("POST", "suites", {"definition": "nonsense"}),
            ("POST", "suites", {"wrong": "body"}),
        ],
    )
    def test_is_judged_before_anything_else(self, guarded: Site, method: str, path: str, body: object) -> None:
        for wrong in ("mary:wolf", "nobody:lamb", "x:y"):
            answer = httpx.request(method, f"{guarded.url}/{path}", json=body, headers=basic(wrong), timeout=60)
            assert (answer.status_code, answer.headers.get_list("www-authenticate")) == (401, CHALLENGES)
        answer = httpx.request(method, f"{guarded.url}/{path}", json=body, headers=basic("mary:lamb"), timeout=60)
        assert answer.status_code in (400, 404)

    def test_is_refused_where_the_server_knows_no_passwords(self, site: Site) -> None:
        answer = httpx.delete(f"{site.url}/suites/none", headers=basic("mary:lamb"), timeout=60)
        assert (answer.status_code, "authentication failed" in answer.json()["message"]) == (401, True)

    def test_a_token_acts_as_the_service(self, guarded: Site) -> None:
        assert put(guarded, {"X-API-Key": guarded.token}).status_code == 200

    def test_one_that_is_wrong_in_the_service_is_no_callers_fault(self, guarded: Site, tmp_path: Path) -> None:
        with running(tmp_path, guarded.server, environment={"ECF_USER": "service", "ECF_PASS": "outdated"}) as site:
            answers = [put(site, {"X-API-Key": site.token}), httpx.get(f"{site.url}/suites", timeout=60)]
            for answer in answers:
                assert (answer.status_code, answer.headers.get("www-authenticate")) == (502, None)
                assert "refuses the user of this service" in answer.json()["message"]
                assert "outdated" not in answer.text

    def test_no_password_is_in_log_or_answer(self, guarded: Site) -> None:
        answer = put(guarded, basic("mary:wolf-in-sheep"))
        assert "wolf-in-sheep" not in answer.text
        assert "wolf-in-sheep" not in guarded.gateway.log.read_text()


class TestFile:
    def test_the_documents_own_hash(self, tmp_path: Path) -> None:
        digest = "ca8391ae4e3dc53d68befac3ab0f6f6c13ad2a770fc1e06fb7a7fba87169f21d"
        file = tmp_path / "tokens.json"
        file.write_text(json.dumps([{"hash": f"sha256$75f838a880872d20${digest}"}]))
        assert tokens.Tokens(file).verify("myrandomtokenstring")
        assert not tokens.Tokens(file).verify("myrandomtokenstrinG")

    def test_what_cannot_be_read_is_left_out(self, tmp_path: Path) -> None:
        file = tmp_path / "tokens.json"
        good = tokens.create(file, "good")
        entries = [*json.loads(file.read_text()), {"hash": "md5$a$b"}, {"hash": 1}, {}, "x", {"hash": "sha256$a"}]
        file.write_text(json.dumps(entries))
        assert [entry.description for entry in tokens.read(file)] == ["good"]
        assert tokens.Tokens(file).verify(good)

    def test_a_broken_file_leaves_the_last_good_one(self, tmp_path: Path) -> None:
        now = [0.0]
        file = tmp_path / "tokens.json"
        good = tokens.create(file, "good")
        known = tokens.Tokens(file, lambda: now[0])
        assert known.verify(good)
        file.write_text("{")
        now[0] += tokens.RELOAD
        assert known.known(good)
        file.write_text("[]")
        now[0] += 0.9 * tokens.RELOAD
        assert known.known(good)
        now[0] += 0.1 * tokens.RELOAD
        assert not known.verify(good)

    def test_expiry(self) -> None:
        now = datetime.now(UTC)
        assert tokens.Entry("", expires_at=now + timedelta(seconds=1)).valid(now)
        assert not tokens.Entry("", expires_at=now).valid(now)


def alter(name: str, value: str) -> dict[str, object]:
    return {
        "paths_": ["/s/t"],
        "name_": name,
        "value_": value,
        "add_attr_type_": 5,
        "del_attr_type_": 16,
        "change_attr_type_": 13,
        "flag_type_": 19,
        "flag_": False,
    }


def password(attributes: dict[str, list[dict[str, str]]]) -> str:
    return next(one["value"] for one in attributes["variables"] if one["name"] == "ECF_PASS")


def test_metrics_need_no_credentials_and_tell_of_suites(site: Site) -> None:
    told = httpx.get(f"{site.gateway.url}/metrics", timeout=60).text
    assert 'opsgate_ecflow_suites{api="ecflow",state="aborted"} 0.0' in told
