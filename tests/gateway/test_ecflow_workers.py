"""Two workers in front of one server: what one has answered, both show; what one loses by dying, the other tells."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.engines.dying_workers import kill_each
from tests.engines.ecflow_gateway import Answer, Line, Site, served
from tests.engines.ecflow_server import EcflowServer
from tests.engines.waiting import until

CLIENTS = 8
ROUNDS = 4
SUITE = "".join(
    [
        "suite s\n  limit lim 100\n  family shared\n    task t\n  endfamily\n",
        *(
            f"  family f{number}\n    limit l 1\n    task t\n      meter m 0 1000\n  endfamily\n"
            for number in range(CLIENTS)
        ),
        "endsuite\n",
    ]
)
SHARED = "/suites/s/shared/t/attributes"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("workers")) as started:
        yield started


@pytest.fixture
def server(site: Site) -> EcflowServer:
    """The server, with the suite as it was defined; made through the gateway, so that its workers know."""
    if not site.server.running:
        site.server.start()
    until(lambda: len(site.gateway.workers()) == 2)
    for suite in site.server.suites():
        assert site.ask("DELETE", f"/suites/{suite}?force=true").status == 200
    assert site.ask("POST", "/suites", {"definition": SUITE}).status == 201
    return site.server


def succeeded(answer: Answer) -> Answer:
    assert answer.status in (200, 201), answer.body
    return answer


def named(answer: Answer, kind: str) -> dict[str, Any]:
    """The attributes of a kind by their names, without those that the server makes."""
    return {one["name"]: one for one in answer.json()[kind] if "generated" not in one}


class TestWrites:
    def test_show_on_the_other_worker_at_once(self, site: Site, server: EcflowServer) -> None:
        with site.lines() as lines:
            for value in range(1, 21):
                body = {"type": "meter", "name": "m", "value": value}
                succeeded(lines[value % 2].ask("PUT", "/suites/s/f0/t/attributes", body))
                shown = succeeded(lines[1 - value % 2].ask("GET", "/suites/s/f0/t/attributes"))
                assert named(shown, "meters")["m"]["value"] == value
        assert server.query("meter", "/s/f0/t", "m") == "20"

    def test_of_many_are_all_kept_and_seen_by_who_made_them(self, site: Site, server: EcflowServer) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda number: Writer(site, number).run(), range(CLIENTS)))
        with site.lines() as lines:
            for line in lines:
                shown = succeeded(line.ask("GET", SHARED))
                every = {f"{number}_{step}" for number in range(CLIENTS) for step in range(ROUNDS)}
                assert {name.removeprefix("V") for name in named(shown, "variables")} == every
                assert {name.removeprefix("e") for name in named(shown, "events")} == every
                tree = succeeded(line.ask("GET", "/suites/s/shared/tree")).json()["shared"]
                assert set(tree) == {"t", *(f"c{one}" for one in every)}
                changed = line.ask("GET", "/suites/tree").headers["x-ecflow-change"]
                assert changed == server.change()


class Writer:
    """Changes what is its own, and what it shares with the others, and looks whether it sees that."""

    def __init__(self, site: Site, number: int) -> None:
        self._site = site
        self._number = number
        self._own = f"/suites/s/f{number}"

    def run(self) -> None:
        for step in range(ROUNDS):
            self._values(step)
            self._state(("suspend", "resume")[step % 2], ("suspended", "unknown")[step % 2])
            self._structure(f"{self._number}_{step}")

    def _values(self, step: int) -> None:
        self._ask("PUT", f"{self._own}/t/attributes", {"type": "meter", "name": "m", "value": step})
        self._ask("PUT", f"{self._own}/attributes", {"type": "limit", "name": "l", "max": step + 2})
        assert named(self._ask("GET", f"{self._own}/t/attributes"), "meters")["m"]["value"] == step
        assert named(self._ask("GET", f"{self._own}/attributes"), "limits")["l"]["limit"] == step + 2

    def _state(self, action: str, status: str) -> None:
        assert self._ask("PUT", f"{self._own}/status", {"action": action}).json()["status"] == status
        shown = self._ask("GET", f"{self._own}/tree?content=full").json()
        assert shown[f"f{self._number}"]["state"]["display"] == status

    def _structure(self, name: str) -> None:
        self._ask("POST", SHARED, {"type": "variable", "name": f"V{name}", "value": name})
        self._ask("POST", SHARED, {"type": "event", "name": f"e{name}"})
        self._ask("PUT", "/suites/s/shared/definition", {"definition": f"task c{name}\n  trigger t:e{name}\n"})
        shown = self._ask("GET", SHARED)
        assert named(shown, "variables")[f"V{name}"]["value"] == name
        assert f"e{name}" in named(shown, "events")
        assert f"c{name}" in self._ask("GET", "/suites/s/shared/tree").json()["shared"]

    def _ask(self, method: str, path: str, body: object = None) -> Answer:
        return succeeded(self._site.ask(method, path, body))


@dataclass
class Client:
    """Writes and reads over a connection that it keeps, and makes a new one when it breaks."""

    site: Site
    number: int
    answered: int = 0
    broken: int = 0
    kept: int = 0
    """The last value that it was told to be written."""
    wrong: list[Answer] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        value = 0
        while not stop.is_set():
            try:
                with closing(Line(self.site)) as line:
                    while not stop.is_set():
                        value += 1
                        self._write_and_read(line, value)
            except (http.client.HTTPException, ConnectionError):
                self.broken += 1

    def _write_and_read(self, line: Line, value: int) -> None:
        body = {"type": "variable", "name": f"V{self.number}", "value": value}
        self._note(line.ask("POST", "/suites/s/attributes", body), 201)
        self.kept = value
        shown = line.ask("GET", "/suites/s/attributes")
        self._note(shown, 200)
        assert named(shown, "variables")[f"V{self.number}"]["value"] == str(value)

    def _note(self, answer: Answer, expected: int) -> None:
        self.answered += 1
        if answer.status != expected:
            self.wrong.append(answer)


class TestWorkerDies:
    def test_only_requests_on_its_connections_are_lost(self, site: Site, server: EcflowServer) -> None:
        clients = [Client(site, number) for number in range(CLIENTS)]
        victims = kill_each(site.gateway, clients, more=10)
        assert [client.wrong for client in clients] == [[]] * CLIENTS
        # One for each victim, and once more when the connection that came next was waiting for it to be accepted.
        assert all(client.broken <= 2 * len(victims) for client in clients), clients
        assert not set(victims) & set(site.gateway.workers())
        for client in clients:
            assert client.kept <= int(server.query("variable", "/s", f"V{client.number}")) <= client.kept + 1

    def test_in_a_change_of_structure_lets_the_others_change_it(self, site: Site, server: EcflowServer) -> None:
        victim = site.gateway.workers(2)[0]
        with site.line_to(victim) as line, ThreadPoolExecutor(1) as pool:
            server.freeze()  # so that it holds the lock while it dies
            try:
                change = pool.submit(line.ask, "DELETE", "/suites/s/f1")
                until(lambda: not _free(site))
                os.kill(victim, signal.SIGKILL)
                with pytest.raises((http.client.HTTPException, ConnectionError)):
                    change.result()
            finally:
                server.thaw()
        succeeded(site.ask("POST", SHARED, {"type": "event", "name": "new"}))
        assert "new" in named(site.ask("GET", SHARED), "events")
        until(lambda: len(site.gateway.workers()) == 2)


def _free(site: Site) -> bool:
    """Whether nobody changes structure: nobody holds the lock on the file that is there for it."""
    (file,) = site.tokens_file.parent.glob("common/*/structure")
    return f":{file.stat().st_ino} " not in Path("/proc/locks").read_text()


@dataclass(frozen=True)
class Told:
    """An event as it came."""

    id: str
    kind: str
    data: dict[str, Any]


def follow(line: Line, after: str | None = None) -> Iterator[Told]:
    """The events that a worker tells, from behind the one with this id; the stream is open when this returns."""
    answer = line.send("GET", "/events", **({} if after is None else {"Last_Event_ID": after}))
    assert (answer.status, answer.readline()) == (200, b": connected\n")
    return _told(answer)


def _told(answer: http.client.HTTPResponse) -> Iterator[Told]:
    found: dict[str, str] = {}
    idle = 0
    while text := answer.readline().decode():
        name, colon, value = text.rstrip("\n").partition(": ")
        if colon and not name:
            idle += 1
            assert idle < 3, "nothing is told"
        elif name:
            found[name] = value
        elif "id" in found:
            yield Told(found["id"], found["event"], json.loads(found["data"]))
            found = {}


def act(site: Site, path: str, action: str) -> None:
    succeeded(site.ask("PUT", f"/suites{path}/status", {"action": action}))


def states(events: list[Told]) -> list[tuple[str, str]]:
    return [(event.data["path"], event.data["status"]) for event in events if event.kind == "state"]


class TestEvents:
    def test_go_on_across_a_restart_of_the_server(self, site: Site, server: EcflowServer) -> None:
        with closing(Line(site)) as line:
            events = follow(line)
            act(site, "/s/f0", "suspend")
            before = next(events)
            assert states([before]) == [("/s/f0", "suspended")]
            server.checkpoint()
            server.kill()
            server.start()
            again = next(events)  # whatever was known is not to be relied on
            assert (again.kind, again.data) == ("reset", {})
            act(site, "/s/f0", "resume")
            assert states([next(events)]) == [("/s/f0", "unknown")]
        with site.lines() as lines:
            for one in lines:  # the id of another life of the server
                assert next(follow(one, before.id)).kind == "reset"

    def test_missed_while_the_server_was_exchanged_are_told_as_such(self, site: Site, server: EcflowServer) -> None:
        with closing(Line(site)) as line:
            events = follow(line)
            act(site, "/s/f0", "suspend")
            known = next(events)
        server.kill()
        server.start()
        with site.lines() as lines:
            for one in lines:
                assert next(follow(one, known.id)).kind == "reset"

    def test_are_told_by_the_other_worker_when_one_dies(self, site: Site, server: EcflowServer) -> None:
        victim, other = site.gateway.workers(2)
        with site.line_to(victim) as line, site.line_to(other) as resumed:
            succeeded(resumed.ask("GET", "/suites"))  # it has been there before the change
            events = follow(line)
            act(site, "/s/f0", "suspend")
            first = next(events)
            act(site, "/s/f0", "resume")
            known = next(events)
            os.kill(victim, signal.SIGKILL)
            assert next(events, None) is None  # the stream has ended
            act(site, "/s/f1", "suspend")
            act(site, "/s/f2", "suspend")
            missed = follow(resumed, known.id)
            told: list[Told] = []
            while len(states(told)) < 2 or states(told)[-1] != ("/s/f2", "suspended"):
                told.append(next(missed))
                assert told[-1].kind == "state"
        # Perhaps again, never less: the other worker may have found the first change together with the later ones.
        assert [one for one in states(told) if one[0] != "/s/f0"] == [("/s/f1", "suspended"), ("/s/f2", "suspended")]
        until(lambda: victim not in site.gateway.workers())
        new = next(pid for pid in site.gateway.workers(2) if pid != other)
        with site.line_to(new) as line:  # it was not there then, and says so
            assert next(follow(line, first.id)).kind == "reset"
        assert server.running
