"""Whatever is sent, the answer is JSON with an `error`, of the right status, and nothing else happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.engines.hoplite import Hoplite

JSON = {"Content-Type": "application/json"}
UNKNOWN = [
    "nope",
    "42",
    "-1",
    "%20",
    "%00",
    "%0A",
    "a%2Fb",
    "%2e%2e",
    "x" * 5000,
    "%F0%9F%98%80",
    "8b7fea59-2c0d-4afa-8109-2bc0a26ec865",
    "8b7fea59-2c0d-4afa-8109-2bc0a26ec865'; DROP TABLE job; --",
]
OPERATIONS = [
    ("GET", ""),
    ("PUT", ""),
    ("DELETE", ""),
    ("PUT", "/start"),
    ("PUT", "/kill"),
    ("GET", "/output"),
]
WRONG_MEMBERS: dict[str, list[Any]] = {
    "config": ["text", 5, [], None, True],
    "run": ["perhaps", 2, 0, [], None, {}, "", "true "],
    "running": ["yes", 1],
    "timeout": [0, -1, "5", None, 1e300],
    "labels": [[], "a", {"a": 1}, {"a": None}, {"a": {}}],
    "webhook": [5, "ftp://a/", "http://", "http://a b/"],
}
WRONG_JOBS: list[dict[str, Any]] = [
    {},
    {"config": {}},
    {"name": ""},
    {"plugin_name": ""},
    {"name": None},
    {"name": 5},
    {"name": ["jobs.ok"]},
    {"name": {}},
    {"name": "jobs.ok", "plugin_name": "jobs.fail"},
    {"name": "jobs.ok", "plugin_name": None},
    {"name": "a", "plugin_name": "b"},
    *({"name": "jobs.ok", member: value} for member, values in WRONG_MEMBERS.items() for value in values),
]
WRONG_KEYS: list[Any] = [None, 5, "", [], "wrong", "☃", True]
KEYLESS: list[dict[str, Any]] = [{}, *({"api_key": key} for key in WRONG_KEYS)]


def refused(answer: httpx.Response, *statuses: int) -> str:
    """The sentence of a refusal that has one of these statuses."""
    assert answer.status_code in statuses, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/json"
    assert answer.content.isascii()
    assert "Traceback" not in answer.text
    error = answer.json()["error"]
    assert error
    return str(error)


def count(hoplite: Hoplite) -> int:
    return int(hoplite.client.get("/jobs", params={"limit": 0}).json()["total"])


@pytest.fixture
def unchanged(hoplite: Hoplite) -> Iterator[None]:
    """There are as many jobs after the test as before."""
    before = count(hoplite)
    yield
    assert count(hoplite) == before


@pytest.fixture(scope="module")
def keyed(hoplite: Hoplite) -> Iterator[dict[str, Any]]:
    """A running job that told its key."""
    job = hoplite.reported("jobs.key")
    yield job
    hoplite.client.put(f"/jobs/{job['uuid']}/kill")
    hoplite.finished(job["uuid"])


class TestBodies:
    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize(
        "body", ["", "{", "[]", "null", "5", '"text"', "{'a': 1}", '{"a": NaN}', "\xff", '{"name": "\\ud800"}']
    )
    @pytest.mark.parametrize(("method", "path"), [("POST", "/jobs"), ("PUT", "/jobs/nope")])
    def test_that_are_no_json_object(self, hoplite: Hoplite, method: str, path: str, body: str) -> None:
        answer = hoplite.client.request(method, path, content=body.encode("latin-1"), headers=JSON)
        refused(answer, 400)

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("media", ["text/plain", "application/xml", "application/x-www-form-urlencoded"])
    def test_of_another_media_type(self, hoplite: Hoplite, keyed: dict[str, Any], media: str) -> None:
        headers = {"Content-Type": media}
        for method, path in (("POST", "/jobs"), ("PUT", f"/jobs/{keyed['uuid']}")):
            refused(hoplite.client.request(method, path, content=b'{"name": "jobs.ok"}', headers=headers), 415)

    def test_without_a_media_type_are_taken_for_json(self, hoplite: Hoplite) -> None:
        answer = hoplite.client.post("/jobs", content=b'{"name": "jobs.ok"}')
        assert "content-type" not in answer.request.headers
        assert answer.status_code == 201

    @pytest.mark.parametrize(
        "media", ["application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"]
    )
    def test_of_our_media_type_otherwise_written(self, hoplite: Hoplite, media: str) -> None:
        answer = hoplite.client.post("/jobs", content=b'{"name": "jobs.ok"}', headers={"Content-Type": media})
        assert answer.status_code == 201

    def test_in_chunks(self, hoplite: Hoplite) -> None:
        answer = hoplite.client.post("/jobs", content=iter([b'{"name": ', b'"jobs.ok"}']), headers=JSON)
        assert answer.status_code == 201


class TestCreate:
    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("body", WRONG_JOBS, ids=json.dumps)
    def test_wrong_members(self, hoplite: Hoplite, body: dict[str, Any]) -> None:
        refused(hoplite.client.post("/jobs", json=body), 400)

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize(
        "name",
        [
            "nope",
            "default",
            "../../etc/passwd",
            "/etc/passwd",
            "a/b",
            "a\nb",
            "\x00",
            "\x1b[31m",
            "x" * 10_000,
            "☃",
            "os",
        ],
        ids=ascii,
    )
    def test_unknown_plugins(self, hoplite: Hoplite, name: str) -> None:
        answer = hoplite.client.post("/jobs", json={"name": name, "run": True})
        assert refused(answer, 404) == f"Job plugin '{name}' does not exist"
        assert answer.json() == {"error": f"Job plugin '{name}' does not exist", "uuid": None, "name": name}

    def test_forged_members_are_ignored(self, hoplite: Hoplite) -> None:
        forged: dict[str, Any] = {
            "uuid": "8b7fea59-2c0d-4afa-8109-2bc0a26ec865",
            "status": {"a": 1},
            "finished": True,
            "killed": True,
            "api_key": "mine",
            "port": "many",
            "cores": 99,
        }
        job = hoplite.create("jobs.ok", **forged)["job"]
        assert job["uuid"] != forged["uuid"]
        assert (job["status"], job["finished"], job["killed"], job["state"]) == ({}, False, False, "created")
        update = {"status": {"a": 1}, "api_key": "mine"}
        refused(hoplite.client.put(f"/jobs/{job['uuid']}", json=update), 403)

    @pytest.mark.usefixtures("unchanged")
    def test_webhooks_are_denied(self, hoplite: Hoplite) -> None:
        body = {"name": "jobs.ok", "webhook": "http://127.0.0.1:9/"}
        assert "Webhooks to 127.0.0.1:9 are not allowed here" in refused(hoplite.client.post("/jobs", json=body), 403)

    @pytest.mark.usefixtures("unchanged")
    def test_a_config_that_is_too_large(self, hoplite: Hoplite) -> None:
        body = {"name": "jobs.ok", "config": {"a": "x" * (16 * 1024 * 1024)}}
        assert refused(hoplite.client.post("/jobs", json=body), 413) == "The config is larger than 16777216 bytes"

    @pytest.mark.usefixtures("unchanged")
    def test_a_body_that_is_too_large(self, hoplite: Hoplite) -> None:
        body = b'{"name": "jobs.ok", "config": {"a": "' + b"x" * (17 * 1024 * 1024) + b'"}}'
        refused(hoplite.client.post("/jobs", content=body, headers=JSON), 413)

    def test_a_large_config_is_taken(self, hoplite: Hoplite) -> None:
        config = {"a": "☃" * 1_000_000}
        job = hoplite.create("jobs.ok", config)
        assert job["config"] == config
        hoplite.client.delete(f"/jobs/{job['uuid']}")

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("levels", [101, 600, 5000])
    def test_a_config_that_is_too_deep(self, hoplite: Hoplite, levels: int) -> None:
        body = b'{"name": "jobs.ok", "config": ' + b'{"a":' * levels + b"1" + b"}" * levels + b"}"
        refused(hoplite.client.post("/jobs", content=body, headers=JSON), 400)
        assert hoplite.client.get("/jobs").status_code == 200


class TestUnknownJobs:
    @pytest.mark.parametrize("uuid", UNKNOWN, ids=lambda text: text[:40])
    @pytest.mark.parametrize(("method", "path"), OPERATIONS)
    def test_are_not_found(self, hoplite: Hoplite, uuid: str, method: str, path: str) -> None:
        body = {"json": {"status": {}, "api_key": "wrong"}} if (method, path) == ("PUT", "") else {}
        answer = hoplite.client.request(method, f"/jobs/{uuid}{path}", **body)  # type: ignore[arg-type]
        refused(answer, 404)

    def test_are_not_found_before_the_key_is_looked_at(self, hoplite: Hoplite) -> None:
        bodies: list[dict[str, Any]] = [{}, {"status": {}}, {"api_key": "a"}, {"uuid": "forged"}]
        for body in bodies:
            error = refused(hoplite.client.put("/jobs/nope", json=body), 404)
            assert error == "Job with UUID: nope does not exist"


class TestUpdate:
    @pytest.mark.parametrize("members", KEYLESS, ids=str)
    def test_without_the_right_key(self, hoplite: Hoplite, keyed: dict[str, Any], members: dict[str, Any]) -> None:
        answer = hoplite.client.put(f"/jobs/{keyed['uuid']}", json={"status": {"forged": True}, **members})
        refused(answer, 400, 403)
        assert keyed["status"]["key"] not in answer.text
        assert hoplite.get(keyed["uuid"]) == keyed

    def test_with_the_key_of_another_job(self, hoplite: Hoplite, keyed: dict[str, Any]) -> None:
        other = hoplite.reported("jobs.key", {"seconds": 0})
        body = {"status": {"forged": True}, "api_key": other["status"]["key"]}
        assert refused(hoplite.client.put(f"/jobs/{keyed['uuid']}", json=body), 403) == (
            "You are not authorized to perform this action"
        )
        assert hoplite.get(keyed["uuid"]) == keyed

    @pytest.mark.parametrize("status", ["text", 5, [], None, True])
    def test_with_a_status_that_is_no_object(self, hoplite: Hoplite, keyed: dict[str, Any], status: Any) -> None:
        body = {"status": status, "api_key": keyed["status"]["key"]}
        refused(hoplite.client.put(f"/jobs/{keyed['uuid']}", json=body), 400)
        assert hoplite.get(keyed["uuid"]) == keyed

    def test_without_a_status(self, hoplite: Hoplite, keyed: dict[str, Any]) -> None:
        body = {"api_key": keyed["status"]["key"]}
        assert refused(hoplite.client.put(f"/jobs/{keyed['uuid']}", json=body), 400) == "'status' is missing"

    @pytest.mark.parametrize("name", ["uuid", "name", "plugin_name", "config", "running", "finished", "killed"])
    def test_of_a_member_that_cannot_be_updated(self, hoplite: Hoplite, keyed: dict[str, Any], name: str) -> None:
        body = {"status": {"forged": True}, "api_key": keyed["status"]["key"], name: keyed[name]}
        assert refused(hoplite.client.put(f"/jobs/{keyed['uuid']}", json=body), 403) == (
            f"{name!r} of a job cannot be updated"
        )
        assert hoplite.get(keyed["uuid"]) == keyed

    def test_with_a_status_that_is_too_large_or_too_deep(self, hoplite: Hoplite, keyed: dict[str, Any]) -> None:
        deep: Any = 1
        for _ in range(200):
            deep = [deep]
        for status, code in (({"a": "x" * (16 * 1024 * 1024)}, 413), ({"a": deep}, 400)):
            body = {"status": status, "api_key": keyed["status"]["key"]}
            refused(hoplite.client.put(f"/jobs/{keyed['uuid']}", json=body), code)
            assert hoplite.get(keyed["uuid"]) == keyed


class TestPathsAndMethods:
    @pytest.mark.parametrize(
        "path", ["/nope", "/jobs/", "/jobs/running/", "/job_plugins/", "/reload/", "/jobs//start", "//jobs", "/JOBS"]
    )
    def test_unknown_paths(self, hoplite: Hoplite, path: str) -> None:
        refused(hoplite.client.get(f"{hoplite.gateway.url}{path}"), 404)

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("DELETE", "/jobs", {"GET", "HEAD", "POST"}),
            ("PUT", "/jobs", {"GET", "HEAD", "POST"}),
            ("POST", "/jobs/nope", {"GET", "HEAD", "PUT", "DELETE"}),
            ("PATCH", "/jobs/nope", {"GET", "HEAD", "PUT", "DELETE"}),
            ("GET", "/jobs/nope/start", {"PUT"}),
            ("POST", "/jobs/nope/kill", {"PUT"}),
            ("GET", "/reload", {"PUT"}),
            ("GET", "/job_plugins/reload", {"POST"}),
            ("PUT", "/job_plugins", {"GET", "HEAD"}),
        ],
    )
    def test_wrong_methods(self, hoplite: Hoplite, method: str, path: str, allowed: set[str]) -> None:
        answer = hoplite.client.request(method, path)
        refused(answer, 405)
        assert set(answer.headers["allow"].split(", ")) == allowed

    @pytest.mark.parametrize(
        "query",
        [
            "state=asleep",
            "state=",
            "limit=-1",
            "limit=many",
            "offset=-1",
            "offset=1_0",
            "order_by=name",
            "label=nothing",
            "label=%3Dvalue",
            "limit=99999999999999999999",
        ],
    )
    def test_wrong_filters(self, hoplite: Hoplite, query: str) -> None:
        refused(hoplite.client.get(f"/jobs?{query}"), 400)

    @pytest.mark.parametrize("query", ["wait=-1", "wait=61", "wait=nan", "wait=inf", "wait=soon", "wait="])
    def test_wrong_waits(self, hoplite: Hoplite, keyed: dict[str, Any], query: str) -> None:
        refused(hoplite.client.get(f"/jobs/{keyed['uuid']}?{query}"), 400)

    @pytest.mark.parametrize(
        "query", ["stream=stdin", "offset=-1", "limit=0", "limit=3", "limit=1048577", "tail=-1", "tail=x"]
    )
    def test_wrong_pieces(self, hoplite: Hoplite, keyed: dict[str, Any], query: str) -> None:
        refused(hoplite.client.get(f"/jobs/{keyed['uuid']}/output?{query}"), 400)

    @pytest.mark.usefixtures("unchanged")
    @pytest.mark.parametrize("key", ["a b", "☃".encode(), "x" * 256, ""])
    def test_wrong_idempotency_keys(self, hoplite: Hoplite, key: str | bytes) -> None:
        headers = {b"Idempotency-Key": key if isinstance(key, bytes) else key.encode()}
        refused(hoplite.client.post("/jobs", json={"name": "jobs.ok"}, headers=headers), 400)

    @pytest.mark.usefixtures("unchanged")
    def test_pages_of_other_sites_are_refused(self, hoplite: Hoplite) -> None:
        headers = {"Origin": "http://evil.example"}
        refused(hoplite.client.post("/jobs", json={"name": "jobs.ok"}, headers=headers), 403)


def test_the_log_shows_no_failure_of_ours(hoplite: Hoplite) -> None:
    text = hoplite.gateway.log.read_text()
    assert "Traceback" not in text
    assert " ERROR " not in text
