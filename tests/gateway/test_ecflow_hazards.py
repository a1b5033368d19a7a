"""What ecflow_server would die of, and what a rewritten node would lose, over HTTP: it lives, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.ecflow_gateway import Site, served

SUITE = """suite s
  repeat integer I 1 9
  limit lim 5
  family f
    task t
      meter m 0 100
      label l "x"
      event e
      time 10:00
      queue q a b c
    task u
  endfamily
endsuite
"""
JOB = {"ECF_NAME": "/s/f/t", "ECF_PASS": "wrong", "ECF_RID": "1", "ECF_TRYNO": "1"}
ATTRIBUTES = "/suites/s/f/t/attributes"
STATUS = "/suites/s/f/t/status"
HUGE = 99_999_999_999


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("hazards"), SUITE) as started:
        yield started


@pytest.fixture(autouse=True)
def alive(site: Site) -> Iterator[None]:
    """The server outlives the test, the suite unharmed, and whatever else came to be goes."""
    life = site.server.pid
    yield
    assert site.server.running
    assert site.server.pid == life
    assert site.ask("GET", "/server/ping").status == 200
    suites = site.server.suites()
    assert "s" in suites
    for suite in suites:
        if suite != "s":
            assert site.ask("DELETE", f"/suites/{suite}").status == 200


class TestDefinitions:
    @pytest.mark.parametrize(
        "text",
        [
            "extern /other/t\nsuite x\n  task a\n    trigger /other/t == complete\nendsuite\n",
            "suite x\n  task a\n    trigger /other/t == complete\nendsuite\nextern /other/t\n",
            "extern /other/t:event\nsuite x\n  task a\n    trigger /other/t:event\nendsuite\n",
        ],
    )
    def test_extern_lines(self, site: Site, text: str) -> None:
        assert site.ask("POST", "/suites", {"definition": text}).status == 400
        assert site.ask("POST", "/suites", {"definition": text, "auto_add_extern": "true"}).status == 201

    @pytest.mark.parametrize(
        "text",
        [
            "#5.9.2\ndefs_state NET cal_count:0\nsuite x\n  nonsense\nendsuite\n",
            "defs_state MIGRATE state>:complete flag:message\nsuite x\n  nonsense\nendsuite\n",
            "history /x a\nsuite x\n  nonsense\nendsuite\n",
            ";\n;;\n",
            "suite x\n  autocancel 2147483647\nendsuite\n",
            "suite x\n  autoarchive 2147483647\nendsuite\n",
            'suite x\n  repeat datelist D "20200101" "\nendsuite\n',
            'suite x\n  repeat enumerated E "\nendsuite\n',
            "suite x\n  repeat integer I 1\nendsuite\n",
            "suite x\n  repeat date D 1 2 0\nendsuite\n",
            "suite x\n  task t\n    meter m 0 99999999999\nendsuite\n",
            "suite x\n  limit l 99999999999\nendsuite\n",
            "suite x\n  task t\n    late -s +99999999999:00\nendsuite\n",
            "suite x\n  task t\n    time 99:99\nendsuite\n",
            "suite x\n  task t\n    cron -w 9 10:00\nendsuite\n",
            "suite x\n  task t\n    date 99.99.9999\nendsuite\n",
            "suite x\n  task t\n    zombie no:such:thing:1\nendsuite\n",
            "suite x\n  task t\n    defstatus tired\nendsuite\n",
            "suite x\n  clock nonsense 99999999999\nendsuite\n",
            "suite x\n  task t\n    trigger " + "(" * 5000 + "\nendsuite\n",
            "suite x\n" + "family f\n" * 2000 + "endsuite\n",
        ],
        ids=lambda text: text[:40],
    )
    def test_that_cannot_be(self, site: Site, text: str) -> None:
        for extra in ({}, {"auto_add_extern": True}):
            assert site.ask("POST", "/suites", {"definition": text, **extra}).status == 400
        assert site.server.suites() == ["s"]

    @pytest.mark.parametrize(
        "line",
        [
            "edit A 'x' # server",
            "limit l 3 # 99999999999 /nowhere",
            "repeat integer R 1 9 # 99999999999",
            'repeat enumerated E "x" "y" # 99999999999',
            'label n "d" # "new',
            "meter n 0 100 100 # 99999999999",
            "event n # nonsense",
            "time 10:00 # free isValid:maybe",
            "date 1.12.* # nonsense",
            "day monday # date:9999-Foo-99",
            "cron 10:00 # nonsense",
            "queue n a b # 99999999999 nonsense",
            "trigger 1 == 0 # nonsense",
        ],
    )
    def test_with_state_in_comments(self, site: Site, line: str) -> None:
        text = f"suite x # begun:7 state:nonsense\n  task t # try:x state:y alias_no:z\n    {line}\nendsuite\n"
        assert site.ask("POST", "/suites", {"definition": text}).status in (201, 400)


class TestNumbers:
    @pytest.mark.parametrize(
        ("method", "path", "body", "expected"),
        [
            ("PUT", ATTRIBUTES, {"type": "meter", "name": "m", "value": HUGE}, 400),
            ("POST", ATTRIBUTES, {"type": "meter", "name": "n", "value": 0, "min": 0, "max": HUGE}, 400),
            ("POST", ATTRIBUTES, {"type": "limit", "name": "n", "value": HUGE}, 400),
            ("PUT", "/suites/s/attributes", {"type": "limit", "name": "lim", "value": HUGE}, 400),
            ("PUT", "/suites/s/attributes", {"type": "limit", "name": "lim", "max": HUGE}, 400),
            ("PUT", "/suites/s/attributes", {"type": "repeat", "value": HUGE}, 400),
            ("PUT", "/suites/s/attributes", {"type": "repeat", "value": "two"}, 400),
            ("POST", ATTRIBUTES, {"type": "inlimit", "name": "/s:lim", "value": HUGE}, 400),
            ("POST", ATTRIBUTES, {"type": "autocancel", "value": HUGE}, 400),
            ("POST", "/suites/s/f/attributes", {"type": "autoarchive", "value": HUGE}, 400),
            ("POST", ATTRIBUTES, {"type": "event", "name": str(HUGE)}, 400),
            ("POST", ATTRIBUTES, {"type": "zombie", "name": f"ecf:fob:init:{HUGE}"}, 400),
            ("POST", ATTRIBUTES, {"type": "mirror", "name": "m", "value": "x"}, 501),
            ("PUT", ATTRIBUTES, {"type": "aviso", "name": "a", "value": "x"}, 501),
            ("DELETE", ATTRIBUTES, {"type": "aviso", "name": "a"}, 501),
            ("PUT", ATTRIBUTES, {"type": "meter", "name": "m", "value": HUGE, **JOB}, 400),
            ("PUT", STATUS, {**JOB, "action": "init", "ECF_TRYNO": HUGE}, 400),
            ("PUT", STATUS, {**JOB, "action": "init", "ECF_PASS": ""}, 400),
            ("PUT", STATUS, {**JOB, "action": "init", "ECF_PASS": "_DJP_"}, 403),
        ],
    )
    def test_that_the_server_cannot_hold(self, site: Site, method: str, path: str, body: object, expected: int) -> None:
        answer = site.ask(method, path, body)
        assert answer.status == expected, answer.body


class TestSuitesThatHaveNotBegun:
    @pytest.mark.parametrize("action", ["complete", "free_dependencies"])
    def test_have_no_calendar(self, site: Site, action: str) -> None:
        answer = site.ask("PUT", STATUS, {"action": action})
        assert (answer.status, "has not begun" in answer.json()["message"]) == (409, True)

    @pytest.mark.parametrize("action", ["abort", "rerun", "requeue", "unknown", "suspend", "resume", "kill", "status"])
    def test_take_everything_else(self, site: Site, action: str) -> None:
        assert site.ask("PUT", STATUS, {"action": action}).status in (200, 400, 409)


class TestRewriting:
    def test_loses_nothing(self, site: Site) -> None:
        """What the text of a definition cannot carry, or does not, is there again after a node was replaced."""
        node, own = "/suites/s/f/u", "/suites/s/f/u/attributes"
        texts = {
            "A": "tab\there # hash",
            "B": "two\nlines",
            "C": "not\\na newline",
            "D": 'it\'s "quoted"',
            "E": "\u20ac",
        }
        for name, value in texts.items():
            assert site.ask("POST", own, {"type": "variable", "name": name, "value": value}).status == 201
        assert site.ask("POST", own, {"type": "label", "name": "l", "value": "old"}).status == 201
        assert site.ask("PUT", own, {"type": "label", "name": "l", "value": texts["A"]}).status == 200
        assert site.ask("PUT", f"{node}/status", {"action": "abort"}).status == 200
        for body in (
            {"type": "meter", "name": "m", "value": 7, "min": 0, "max": 9},
            {"type": "event", "name": "e", "value": "set"},
            {"type": "cron", "value": "10:00"},
            {"type": "trigger", "value": "t == aborted"},
        ):
            assert site.ask("POST", own, body).status == 201
        told = site.ask("GET", own).json()
        assert {one["name"]: one["value"] for one in told["variables"] if "generated" not in one} == texts
        assert told["labels"] == [{"name": "l", "value": texts["A"]}]
        assert told["meters"] == [{"name": "m", "min": 0, "max": 9, "value": 7}]
        assert (told["crons"], told["trigger"]["value"]) == ([{"value": "10:00"}], "t == aborted")
        assert site.ask("GET", f"{node}/status?filter=status").json() == "aborted"
        assert site.server.query("variable", "/s/f/u", "B") == texts["B"]
        assert site.server.query("event", "/s/f/u", "e") == "set"
