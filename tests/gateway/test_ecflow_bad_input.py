"""What wrong requests to the ecFlow API get, over HTTP on a real server: the status, and a failure in its shape."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.engines.ecflow_gateway import Site, served

JOB = {"ECF_NAME": "/s/f/t", "ECF_PASS": "wrong", "ECF_RID": "1", "ECF_TRYNO": "1"}
SUITE = """suite s
  limit lim 5
  family f
    task t
      meter m 0 100
      event e
      label l "x"
      time 10:00
    task r
  endfamily
endsuite
"""
DEEP_NODES = "suite x\n" + "family a\n" * 100 + "endfamily\n" * 100 + "endsuite\n"
DEEP_CALLS = "cal::date_to_julian(" * 1000 + "1" + ")" * 1000
DEEP_SUM = "1" + " + 1" * 1000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("bad"), SUITE) as started:
        yield started
        assert started.server.running


def send(site: Site, method: str, path: str, body: bytes | None, **headers: str) -> tuple[int, dict[str, str], Any]:
    connection = http.client.HTTPConnection(urlsplit(site.url).netloc, timeout=60)
    given = {
        "Authorization": f"Bearer {site.token}",
        **{name.replace("_", "-"): text for name, text in headers.items()},
    }
    try:
        connection.request(method, f"/v1{path}", body, given)
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, dict(answer.getheaders()), json.loads(data) if data else None
    finally:
        connection.close()


ATTRIBUTES = "/suites/s/f/t/attributes"
STATUS = "/suites/s/f/t/status"


class TestRefused:
    @pytest.mark.parametrize(
        ("method", "path", "body", "expected", "part"),
        [
            ("POST", "/suites", "{broken", 400, "not valid JSON"),
            ("POST", "/suites", "[]", 400, "object"),
            ("POST", "/suites", "null", 400, "empty"),
            ("POST", "/suites", None, 400, "required"),
            ("POST", "/suites", {}, 400, "definition"),
            ("POST", "/suites", {"definition": 5}, 400, "definition"),
            ("POST", "/suites", {"definition": ""}, 400, "definition"),
            ("POST", "/suites", {"definition": "# nothing\n"}, 400, ""),
            ("POST", "/suites", {"definition": "suite x\nfamily a\nbroken line\nendsuite\n"}, 400, ""),
            ("POST", "/suites", {"definition": "suite x\ntask a\ntrigger b == complete\nendsuite\n"}, 400, ""),
            ("POST", "/suites", {"definition": DEEP_NODES}, 400, "99"),
            ("POST", "/suites", {"definition": f"suite x\ntask a\ntrigger {DEEP_CALLS}\nendsuite\n"}, 400, "50"),
            ("POST", "/suites", {"definition": f"suite x\ntask a\ntrigger {DEEP_SUM}\nendsuite\n"}, 400, "200"),
            ("POST", "/suites", {"definition": f"task a\nrepeat datelist D {'9' * 30}\n"}, 400, "9" * 30),
            ("POST", "/suites", {"definition": "suite s\nendsuite\n"}, 409, "s"),
            ("POST", "/suites", {"definition": "suite n\nendsuite\nsuite s\nendsuite\n"}, 409, "s"),
            ("PUT", "/suites/s/definition", {"definition": "suite x\nendsuite\n"}, 400, "suite"),
            ("PUT", "/suites/s/definition", {"definition": "task a\ntask b\n"}, 400, "2"),
            ("PUT", "/suites/s/definition", {"definition": "fomily a\n"}, 400, ""),
            ("PUT", "/suites/s/f/t/definition", {"definition": "task a\n"}, 400, "task"),
            ("PUT", "/suites/none/definition", {"definition": "task a\n"}, 404, "none"),
            ("DELETE", "/suites/none", None, 404, "none"),
            ("DELETE", "/suites/s/none/definition", None, 404, "none"),
            ("PUT", "/suites/none/status", {"action": "suspend"}, 404, "none"),
            ("PUT", STATUS, {"action": "fly"}, 400, "action"),
            ("PUT", STATUS, {"name": "suspend"}, 400, "action"),
            ("PUT", STATUS, {"action": "defstatus"}, 400, "defstatus_value"),
            ("PUT", STATUS, {"action": "defstatus", "defstatus_value": "tired"}, 400, "defstatus_value"),
            ("PUT", STATUS, {"action": "init", "ECF_NAME": "/s/f/t"}, 400, "ECF_PASS"),
            ("PUT", STATUS, {"action": "suspend", **JOB}, 400, "action"),
            ("PUT", STATUS, {"action": "wait", **JOB}, 400, "wait_expression"),
            ("PUT", STATUS, {"action": "wait", "wait_expression": "((", **JOB}, 400, "(("),
            ("PUT", STATUS, {"action": "init", **JOB}, 409, "zombie"),
            ("PUT", ATTRIBUTES, {"type": "limit", "name": "lim", "value": 1, **JOB}, 400, "type"),
            ("PUT", ATTRIBUTES, {"type": "meter", "name": "m", "value": "much", **JOB}, 400, "much"),
            ("PUT", ATTRIBUTES, {"type": "queue", "name": "q", **JOB}, 400, "queue_action"),
            ("POST", ATTRIBUTES, {"type": "wish", "name": "x"}, 400, "type"),
            ("POST", ATTRIBUTES, {"name": "x"}, 400, "type"),
            ("POST", ATTRIBUTES, {"type": "variable", "name": "", "value": "x"}, 400, "variable"),
            ("POST", ATTRIBUTES, {"type": "variable", "name": "a b", "value": "x"}, 400, "a b"),
            ("POST", ATTRIBUTES, {"type": "variable", "name": "a"}, 400, "value"),
            ("POST", ATTRIBUTES, {"type": "meter", "name": "m", "value": 1, "min": 0, "max": 9}, 409, "m"),
            ("POST", ATTRIBUTES, {"type": "event", "name": "e"}, 409, "e"),
            ("POST", ATTRIBUTES, {"type": "label", "name": "l", "value": "x"}, 409, "l"),
            ("POST", ATTRIBUTES, {"type": "meter", "name": "n", "value": 1, "min": 9, "max": 0}, 400, "9"),
            ("POST", ATTRIBUTES, {"type": "limit", "name": "n", "value": "-1"}, 400, "-1"),
            ("POST", ATTRIBUTES, {"type": "limit", "name": "n", "value": "few"}, 400, "few"),
            ("POST", ATTRIBUTES, {"type": "time", "value": "25:00"}, 400, "25:00"),
            ("POST", ATTRIBUTES, {"type": "date", "value": "40.1.2026"}, 400, "40"),
            ("POST", ATTRIBUTES, {"type": "day", "value": "noday"}, 400, "noday"),
            ("POST", ATTRIBUTES, {"type": "cron", "value": "-w 9 10:00"}, 400, "-w 9"),
            ("POST", ATTRIBUTES, {"type": "late", "value": "soon"}, 400, "soon"),
            ("POST", ATTRIBUTES, {"type": "autocancel", "value": "soon"}, 400, "soon"),
            ("POST", ATTRIBUTES, {"type": "aviso", "name": "a", "value": "--listener '{}'"}, 501, "5.13"),
            ("POST", "/suites/none/attributes", {"type": "variable", "name": "a", "value": "b"}, 404, "none"),
            ("PUT", ATTRIBUTES, {"type": "meter", "name": "m", "value": 101}, 400, "101"),
            ("PUT", ATTRIBUTES, {"type": "meter", "name": "none", "value": 1}, 404, "none"),
            ("PUT", ATTRIBUTES, {"type": "variable", "name": "none", "value": 1}, 404, "none"),
            ("PUT", ATTRIBUTES, {"type": "time", "old_value": "11:00", "value": "12:00"}, 404, "11:00"),
            ("PUT", ATTRIBUTES, {"type": "time", "old_value": "10:00", "value": "late"}, 400, "late"),
            ("DELETE", ATTRIBUTES, {"type": "variable", "name": ""}, 400, ""),
            ("DELETE", ATTRIBUTES, {"type": "variable"}, 400, ""),
            ("DELETE", ATTRIBUTES, {}, 400, "type"),
            ("DELETE", ATTRIBUTES, None, 400, "type"),
            ("DELETE", f"{ATTRIBUTES}?type=label&name=none", None, 404, "none"),
            ("DELETE", "/server/attributes", {"type": "variable"}, 400, "name"),
            ("DELETE", "/server/attributes", {"type": "variable", "name": "ECF_HOME"}, 404, "ECF_HOME"),
            ("PUT", "/server/attributes", {"type": "variable", "name": "NONE", "value": "x"}, 404, "NONE"),
            ("POST", "/server/attributes", {"type": "label", "name": "a", "value": "x"}, 400, "type"),
            ("PUT", "/server/status", {"action": "explode"}, 400, "action"),
            ("PUT", "/server/status", {"action": "reload_whitelist_file"}, 404, "ECF_LISTS"),
            ("PUT", "/suites/s/f/t/script", {"script": 1}, 400, "script"),
            ("PUT", "/suites/s/f/t/script", {"script": "x"}, 404, ""),
            ("GET", "/suites/none/tree", None, 404, "none"),
            ("GET", "/suites/none/definition", None, 404, "none"),
            ("GET", "/suites/none/status", None, 404, "none"),
            ("GET", "/suites/none/attributes", None, 404, "none"),
            ("GET", "/suites/s/f/script", None, 404, ""),
            ("GET", "/suites/s/f/output", None, 404, ""),
            ("GET", "/suites/s/f/t/output", None, 404, ""),
            ("GET", "/suites/tree?content=much", None, 400, "content"),
            ("GET", "/suites/tree?depth=-1", None, 400, "depth"),
            ("GET", "/suites?filter=a[x]", None, 400, "filter"),
            ("GET", "/suites?filter=a..b", None, 400, "filter"),
            ("GET", "/suites/s%00/tree", None, 404, "s"),
            ("GET", "/suites/%FF/tree", None, 400, "UTF-8"),
            ("GET", "/shutdown", None, 404, "shutdown"),
            ("GET", "/nowhere", None, 404, "nowhere"),
            ("DELETE", "/suites", None, 405, "DELETE"),
            ("POST", "/suites/s/f/t/tree", {}, 405, "POST"),
            ("DELETE", "/suites/s/f/t/script", None, 405, "DELETE"),
            ("PATCH", STATUS, {}, 405, "PATCH"),
        ],
    )
    def test_with_a_reason(self, site: Site, method: str, path: str, body: object, expected: int, part: str) -> None:
        before = site.server.definition().count("suite ")
        sent = body.encode() if isinstance(body, str) else None if body is None else json.dumps(body).encode()
        status, headers, told = send(site, method, path, sent)
        assert (status, headers["content-type"]) == (expected, "application/json"), told
        assert part in told["message"]
        assert (told["code"], told["status"], told["method"]) == (expected, expected, method)
        assert told["path"] == f"/v1{path.partition('?')[0]}" or "%" in path
        assert headers["access-control-allow-origin"] == "*"
        assert ("allow" in headers) == (expected == 405)
        assert ("body" in told) == (sent is not None and b"ECF_PASS" not in sent and expected != 405)
        assert site.server.definition().count("suite ") == before

    def test_too_large_a_body(self, site: Site) -> None:
        status, headers, told = send(site, "POST", "/suites", b" " * 10_000_001)
        assert (status, told["message"]) == (413, "The body is larger than 10000000 bytes")
        assert headers["access-control-allow-origin"] == "*"

    @pytest.mark.parametrize("name", ["variable", "label"])
    @pytest.mark.parametrize(
        "text",
        [
            '"x\nendsuite\nsuite evil\nendsuite',
            "x'\nendsuite\nsuite evil\nendsuite",
            "a # b",
            "tab\there",
            "'",
            "\u20ac",
        ],
    )
    def test_no_text_becomes_a_definition(self, site: Site, name: str, text: str) -> None:
        attribute = {"type": name, "name": "odd", "value": text}
        assert send(site, "POST", "/suites/s/f/r/attributes", json.dumps(attribute).encode())[0] == 201
        try:
            # What is added by replacing the node must bring the text through unharmed.
            cron = {"type": "event", "name": "new"}
            assert send(site, "POST", "/suites/s/f/r/attributes", json.dumps(cron).encode())[0] in (201, 400, 409)
            _, _, shown = send(site, "GET", "/suites/s/f/r/attributes", None)
            assert {"odd": text}.items() <= {one["name"]: one["value"] for one in shown[f"{name}s"]}.items()
            assert send(site, "GET", "/suites", None)[2] == ["s"]
        finally:
            for one in (attribute, {"type": "event", "name": "new"}):
                send(site, "DELETE", "/suites/s/f/r/attributes", json.dumps(one).encode())


class TestAccepted:
    def test_form_type_as_curl_sends_it(self, site: Site) -> None:
        body = b'{"type": "variable", "name": "form", "value": "x"}'
        form = "application/x-www-form-urlencoded"
        assert send(site, "POST", "/suites/s/attributes", body, Content_Type=form)[0] == 201
        assert send(site, "DELETE", "/suites/s/attributes", body, Content_Type=form)[0] == 200

    @pytest.mark.parametrize("filter_text", ["[99]", "[-1]", "none", "a.b.c"])
    def test_filters_of_what_is_not_there(self, site: Site, filter_text: str) -> None:
        assert send(site, "GET", f"/suites?filter={filter_text}", None)[::2] == (200, None)

    def test_an_empty_filter(self, site: Site) -> None:
        assert send(site, "GET", "/suites?filter=", None)[::2] == (200, ["s"])

    def test_unresolved_triggers_with_the_flag(self, site: Site) -> None:
        flags: list[dict[str, object]] = [{"auto_add_extern": True}, {"auto_add_externs": "true"}]
        for number, flag in enumerate(flags):
            text = f"suite ext{number}\n  task a\n    trigger /none/x == complete\nendsuite\n"
            assert send(site, "POST", "/suites", json.dumps({"definition": text, **flag}).encode())[0] == 201
            assert send(site, "DELETE", f"/suites/ext{number}", None)[0] == 200
