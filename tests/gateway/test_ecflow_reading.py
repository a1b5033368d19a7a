"""Answers of the ecFlow API as HTTP has them: cached, compressed, filtered, as a stream; engines that are away."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engines.ecflow_gateway import Site, running, served
from tests.engines.ecflow_server import EcflowServer

SUITE = "suite s\n  edit A '1'\n  family fc.1\n    task t\n  endfamily\nendsuite\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("reading"), SUITE) as started:
        yield started


class TestCaching:
    def test_unchanged_is_not_sent_again(self, site: Site) -> None:
        for path in ("suites", "suites/tree?content=full", "suites/s/attributes", "suites/s/definition"):
            first = httpx.get(f"{site.url}/{path}", timeout=60)
            again = httpx.get(f"{site.url}/{path}", headers={"If-None-Match": first.headers["etag"]}, timeout=60)
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])

    def test_a_change_through_any_worker_is_seen_at_once(self, site: Site) -> None:
        with site.client() as client:
            for number in range(40):
                body = {"type": "variable", "name": "A", "value": number}
                assert client.put("/suites/s/attributes", json=body).status_code == 200
                url = f"{site.url}/suites/s/attributes?filter=variables[0].value"
                seen = httpx.get(url, timeout=60)  # a new connection: any of the two workers
                assert seen.json() == str(number)

    def test_who_sees_passwords_gets_another_tag(self, site: Site) -> None:
        with site.client() as client:
            known = client.get("/suites/s/attributes").headers["etag"]
        assert (
            httpx.get(f"{site.url}/suites/s/attributes", headers={"If-None-Match": known}, timeout=60).status_code
            == 200
        )

    def test_gzip(self, site: Site) -> None:
        for path in ("suites/s/attributes", "server/status"):
            packed = httpx.get(f"{site.url}/{path}", headers={"Accept-Encoding": "gzip"}, timeout=60)
            plain = httpx.get(f"{site.url}/{path}", headers={"Accept-Encoding": "identity"}, timeout=60)
            assert (packed.headers["content-encoding"], plain.headers.get("content-encoding")) == ("gzip", None)
            assert packed.json().keys() == plain.json().keys()

    def test_head(self, site: Site) -> None:
        answer = httpx.head(f"{site.url}/suites", timeout=60)
        assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "5")


class TestFilter:
    @pytest.mark.parametrize(
        ("path", "part"),
        [
            ("suites?filter=[0]", "s"),
            ("suites/s/tree?filter=s.fc.1.t", {}),
            ("suites/s/status?filter=default_status", "queued"),
            ("suites/s/attributes?filter=path", "/s"),
            ("server/status?filter=status", "RUNNING"),
            ("suites/s/definition?filter=path", "/s"),
        ],
    )
    def test_picks(self, site: Site, path: str, part: object) -> None:
        assert httpx.get(f"{site.url}/{path}", timeout=60).json() == part


class TestOtherSites:
    @pytest.mark.parametrize(
        ("path", "methods"),
        [
            ("suites", "GET, POST, HEAD"),
            ("suites/tree", "GET, HEAD"),
            ("suites/s/tree", "GET, HEAD"),
            ("suites/s/definition", "GET, PUT, DELETE, HEAD"),
            ("suites/s/status", "GET, PUT, HEAD"),
            ("suites/s/attributes", "GET, PUT, POST, DELETE, HEAD"),
            ("suites/s/output", "GET, HEAD"),
            ("server/status", "GET, PUT, HEAD"),
            ("server/attributes", "GET, PUT, POST, DELETE, HEAD"),
            ("server/ping", "GET, HEAD"),
            ("statistics", "GET, HEAD"),
        ],
    )
    def test_are_told_the_methods(self, site: Site, path: str, methods: str) -> None:
        answer = httpx.options(f"{site.url}/{path}", timeout=60)
        told = [answer.headers[name] for name in ("allow", "access-control-allow-methods")]
        assert (answer.status_code, answer.content, told) == (204, b"", [methods, methods])
        assert "Authorization" in answer.headers["access-control-allow-headers"]

    def test_are_refused_unless_allowed(self, site: Site) -> None:
        answer = httpx.get(f"{site.url}/suites", headers={"Origin": "https://evil.example"}, timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (403, 403)


class TestDeletion:
    def test_with_and_without_a_body(self, site: Site) -> None:
        with site.client() as client:
            for headers, expected in (({}, 200), ({"Prefer": "return=minimal"}, 204)):
                assert client.post("/suites", json={"definition": "suite gone\nendsuite\n"}).status_code == 201
                answer = client.delete("/suites/gone", headers=headers)
                assert answer.status_code == expected
                assert bool(answer.content) == (expected == 200)


def test_statistics_count_all_workers(site: Site) -> None:
    before = httpx.get(f"{site.url}/statistics", timeout=60).json()
    for _ in range(10):
        httpx.get(f"{site.url}/suites", timeout=60)
        httpx.get(f"{site.url}/suites/none/tree", timeout=60)
    after = httpx.get(f"{site.url}/statistics", timeout=60).json()
    names = ("num_requests", "num_errors", "num_cached_requests")
    assert [after[name] - before[name] for name in names] == [21, 10, 10]
    assert after["since"] == before["since"]


class TestEvents:
    def test_come_as_they_happen_and_can_be_resumed(self, site: Site) -> None:
        with site.client() as client, client.stream("GET", "/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert next(lines) == ": connected"
            site.server.load("suite ev\n  task t\nendsuite\n")
            first = event(lines)
            assert (first["event"], json.loads(first["data"])) == ("structure", {"added": ["/ev"], "removed": []})
            site.server.command("PathsCmd", api_=1, paths_=["/ev"], force_=False)
            second = event(lines)
            told = json.loads(second["data"])
            assert (second["event"], told["path"], told["status"]) == ("state", "/ev", "suspended")
        resumed = {"Last-Event-ID": first["id"]}
        with site.client() as client, client.stream("GET", "/events", headers=resumed) as stream:
            lines = stream.iter_lines()
            next(lines)
            missed = event(lines)
            # A worker that saw neither change before tells of both at once: there is a suite more.
            assert missed["event"] in ("state", "structure", "reset")
            assert missed["id"] == second["id"]
        site.server.delete("/ev")


def event(lines: Iterator[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        if not line and found:
            return found
        name, colon, value = line.partition(": ")
        if name and colon:
            found[name] = value
    raise AssertionError("the stream has ended")


class TestEngine:
    def test_away(self, tmp_path: Path) -> None:
        server = EcflowServer(tmp_path / "server")
        with running(tmp_path, server) as site, site.client() as client:
            for path in ("/suites", "/server/ping", "/suites/s/status", "/events"):
                assert (client.get(path).status_code, path) == (502, path)
            assert client.put("/suites/s/status", json={"action": "suspend"}).status_code == 502
            assert client.get("/statistics").status_code == 200
            server.start()
            try:
                assert client.get("/suites").json() == []
            finally:
                server.terminate()

    def test_silent(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            server = EcflowServer(tmp_path / "server", port=silent.getsockname()[1])
            limited = {"OPSGATE_ECFLOW_TIMEOUT": "1"}
            with running(tmp_path, server, environment=limited) as site, site.client() as client:
                assert client.get("/server/ping").status_code == 504
                assert client.get("/suites").status_code == 504
                assert client.get("/statistics").status_code == 200

    def test_halted_takes_no_reports(self, tmp_path: Path) -> None:
        server = EcflowServer(tmp_path / "server")
        server.start(halted=True)
        try:
            server.load("suite s\n  task t\nendsuite\n")
            with running(tmp_path, server) as site:
                job = {"ECF_NAME": "/s/t", "ECF_PASS": "x", "ECF_RID": "1", "ECF_TRYNO": "1", "action": "init"}
                answer = httpx.put(f"{site.url}/suites/s/t/status", json=job, timeout=60)
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        finally:
            server.terminate()
