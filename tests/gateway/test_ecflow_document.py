"""The examples at the end of ecFlow's document, in their order, by curl over TLS on a real server."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.engines.ecflow_gateway import Site, running
from tests.engines.ecflow_server import EcflowServer

CREATED = [
    {"type": "autoarchive", "value": "+01:00"},
    {"type": "autocancel", "value": "+01:00"},
    {"type": "autorestore", "value": "/test/a"},
    {"type": "complete", "value": "/test/a eq complete"},
    {"type": "cron", "value": "-w 0,1 10:00"},
    {"type": "date", "value": "1.*.*"},
    {"type": "day", "value": "monday"},
    {"type": "event", "name": "foo", "value": "set"},
    {"type": "label", "name": "foo", "value": "bar"},
    {"type": "late", "value": "-s +00:01 -a 14:30 -c +00:01"},
    {"type": "limit", "name": "foo", "value": "0"},
    {"type": "meter", "name": "foo", "value": "10", "min": "0", "max": "20"},
    {"type": "time", "value": "+00:20"},
    {"type": "today", "value": "03:00"},
    {"type": "variable", "name": "foo", "value": "bar"},
]
UPDATED = [
    {"type": "autoarchive", "value": "0"},
    {"type": "autocancel", "value": "0"},
    {"type": "autorestore", "value": "/test"},
    {"type": "complete", "value": "/test/a eq active"},
    {"type": "cron", "old_value": "-w 0,1 10:00", "value": "23:00"},
    {"type": "date", "old_value": "1.*.*", "value": "2.*.*"},
    {"type": "day", "old_value": "monday", "value": "tuesday"},
    {"type": "event", "name": "foo", "value": False},
    {"type": "label", "name": "foo", "value": "baz"},
    {"type": "late", "old_value": "-s +00:01 -a 14:30 -c +00:01", "value": "-c +00:01"},
    {"type": "limit", "name": "foo", "value": "6"},
    {"type": "meter", "name": "foo", "value": "15"},
    {"type": "time", "old_value": "+00:20", "value": "+00:25"},
    {"type": "today", "old_value": "03:00", "value": "03:00 05:00 01:00"},
    {"type": "variable", "name": "foo", "value": "baz"},
]
DELETED = [
    {"type": "autoarchive"},
    {"type": "autocancel"},
    {"type": "autorestore"},
    {"type": "complete", "value": "/test/a eq active"},
    {"type": "cron", "value": "23:00"},
    {"type": "date", "value": "2.*.*"},
    {"type": "day", "value": "tuesday"},
    {"type": "event", "name": "foo"},
    {"type": "label", "name": "foo"},
    {"type": "late", "value": "-c +00:01"},
    {"type": "limit", "name": "foo"},
    {"type": "meter", "name": "foo"},
    {"type": "time", "value": "+00:25"},
    {"type": "today", "value": "03:00 05:00 01:00"},
    {"type": "variable", "name": "foo"},
]
CURL = shutil.which("curl") or "curl is missing"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("ecflow")
    server = EcflowServer(directory / "server")
    server.start()
    try:
        # What the examples take for granted: a suite `test` with a family `a`, and the node `dynamic` in it.
        server.load("suite test\n  family a\n  endfamily\n  family dynamic\n  endfamily\nendsuite\n")
        server.begin("test")
        with running(directory, server, tls=True) as started:
            yield started
            assert "Traceback" not in started.gateway.log.read_text()
    finally:
        server.terminate()


def curl(site: Site, *arguments: str) -> tuple[int, Any]:
    """Run curl as the document does; the status and the JSON that came."""
    command = [CURL, "-sS", "--cacert", str(site.certificate), "-w", "\n%{http_code}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


def send(site: Site, method: str, path: str, body: object) -> tuple[int, Any]:
    headers = ["-H", "content-type: application/json", "-H", f"authorization: Bearer {site.token}"]
    data = [] if body is None else ["-d", json.dumps(body)]
    return curl(site, "-X", method, f"{site.url}{path}", *headers, *data)


def place(attribute: dict[str, object]) -> str:
    """Where an attribute of the examples lives.

    The document creates them on /test/dynamic and goes on with /test, which has none of them, and could not: a suite
    takes no dates or times. So all of it happens on /test/dynamic; but for autocancel, which ecflow_server does not
    take beside an autoarchive: that happens on /test/b.
    """
    return "/test/b" if attribute["type"] == "autocancel" else "/test/dynamic"


class TestExamples:
    """Each depends on the one before it, as in the document."""

    @pytest.mark.parametrize("way", ["authorization: Bearer {}", "x-api-key: {}", "key"])
    def test_authentication_options(self, site: Site, way: str) -> None:
        shown = ["-H", way.format(site.token)] if way != "key" else []
        query = f"?key={site.token}" if way == "key" else ""
        assert curl(site, f"{site.url}/suites{query}", *shown) == (200, ["test"])

    def test_create_a_new_family(self, site: Site) -> None:
        status, told = send(site, "PUT", "/suites/test", {"definition": "family b\nendfamily\n"})
        assert (status, told["message"]) == (200, "Node updated successfully")
        assert curl(site, f"{site.url}/suites/test/tree") == (200, {"test": {"a": {}, "dynamic": {}, "b": {}}})

    @pytest.mark.parametrize("attribute", CREATED, ids=lambda one: str(one["type"]))
    def test_create_a_new_attribute(self, site: Site, attribute: dict[str, object]) -> None:
        node = place(attribute)
        told = send(site, "POST", f"/suites{node}/attributes", attribute)
        assert told == (201, {"path": node, "message": "Attribute added successfully"})

    @pytest.mark.parametrize("attribute", UPDATED, ids=lambda one: str(one["type"]))
    def test_update_an_attribute_value(self, site: Site, attribute: dict[str, object]) -> None:
        node = place(attribute)
        told = send(site, "PUT", f"/suites{node}/attributes", attribute)
        assert told == (200, {"path": node, "message": "Attribute changed successfully"})

    def test_what_became_of_them(self, site: Site) -> None:
        _, shown = curl(site, f"{site.url}/suites/test/dynamic/attributes")
        assert {name: shown[name] for name in ("crons", "dates", "events", "labels", "limits", "meters", "times")} == {
            "crons": [{"value": "23:00"}],
            "dates": [{"value": "2.*.*", "free": False}],
            "events": [{"name": "foo", "value": False, "initial_value": False, "number": None}],
            "labels": [{"name": "foo", "value": "baz"}],
            "limits": [{"name": "foo", "value": 6, "limit": 0}],
            "meters": [{"name": "foo", "min": 0, "max": 20, "value": 15}],
            "times": [{"value": "+00:25"}],
        }
        assert (shown["autoarchive"]["value"], shown["autorestore"]["value"]) == ("0", "/test")
        assert (shown["late"]["value"], shown["complete"]["value"]) == ("-c +00:01", "/test/a eq active")

    @pytest.mark.parametrize("action", ["complete", "requeue"])
    def test_update_status(self, site: Site, action: str) -> None:
        told = send(site, "PUT", "/suites/test/status", {"action": action})
        state = site.server.query("state", "/test")
        assert told == (200, {"path": "/test", "message": "Status changed successfully", "status": state})

    @pytest.mark.parametrize("attribute", DELETED, ids=lambda one: str(one["type"]))
    def test_delete_an_attribute(self, site: Site, attribute: dict[str, object]) -> None:
        node = place(attribute)
        told = send(site, "DELETE", f"/suites{node}/attributes", attribute)
        assert told == (200, {"path": node, "message": "Attribute deleted successfully"})

    def test_delete_a_suite(self, site: Site) -> None:
        told = send(site, "DELETE", "/suites/test/definition", None)
        assert told == (200, {"path": "/test", "message": "Node deleted successfully"})
        assert curl(site, f"{site.url}/suites") == (200, [])
