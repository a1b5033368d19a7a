"""The server dies, hangs, comes back older or another one: callers are told in time, and shown what is so."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.engines.ecflow_gateway import Answer, Line, Site, running
from tests.engines.ecflow_server import EcflowServer

SUITE = "suite s\n  edit V 'none'\n  task t\n    meter m 0 1000\n  task u\nendsuite\n"
VARIABLE = "/suites/s/attributes?filter=variables[0].value"
METER = "/suites/s/t/attributes?filter=meters[0].value"

READS = ("/suites", "/suites/tree?content=full", "/suites/s/attributes", "/suites/s/definition", "/server/attributes")
ASKING = ("/suites/s/status", "/server/status", "/server/ping")
"""Reads that are never answered from memory."""
WRITES: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("PUT", "/suites/s/status", {"action": "suspend"}),
    ("PUT", "/suites/s/attributes", {"type": "variable", "name": "V", "value": "x"}),
    ("POST", "/suites/s/t/attributes", {"type": "event", "name": "e"}),
    ("PUT", "/suites/s/definition", {"definition": "task new\n"}),
    ("POST", "/suites", {"definition": "suite n\nendsuite\n"}),
    ("PUT", "/server/status", {"action": "checkpoint"}),
    ("DELETE", "/suites/s/u", {}),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A gateway that gives the server a second to answer, and does not show for long what it knew."""
    directory = tmp_path_factory.mktemp("faults")
    server = EcflowServer(directory / "server")
    server.start()
    limits = {"OPSGATE_ECFLOW_TIMEOUT": "1", "ECF_RESTAPI_POLLING_INTERVAL": "1"}
    try:
        with running(directory, server, environment=limits) as started:
            workers = started.gateway.workers(2)
            yield started
            assert started.gateway.workers() == workers
            assert "Traceback" not in started.gateway.log.read_text()
    finally:
        server.thaw()
        server.terminate()


@pytest.fixture
def server(site: Site) -> EcflowServer:
    """The server of the gateway, with the suite as it was defined."""
    server = site.server
    server.thaw()
    if not server.running:
        server.start()
    for suite in server.suites():
        server.delete(f"/{suite}")
    server.load(SUITE)
    server.checkpoint()
    return server


def told(answer: Answer, method: str, path: str) -> tuple[int, str]:
    """The status of a failure, which has the documented shape, and what it says."""
    failure = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert list(failure)[:5] == ["code", "status", "message", "path", "method"]
    assert (failure["code"], failure["status"], failure["method"]) == (answer.status, answer.status, method)
    assert failure["path"] == f"/v1{path.partition('?')[0]}"
    return answer.status, str(failure["message"])


def set_meter(site: Site, value: int) -> None:
    assert site.ask("PUT", "/suites/s/t/attributes", {"type": "meter", "name": "m", "value": value}).status == 200


def fresh(line: Line) -> Line:
    """A connection whose worker has just asked the server: others' changes may show half a second later."""
    line.ask("GET", "/suites/none/status")  # a status is never told from memory
    return line


def seen(site: Site, path: str) -> list[object]:
    """What each worker shows there."""
    with site.lines() as lines:
        return [fresh(line).ask("GET", path).json() for line in lines]


def agree(site: Site) -> None:
    """Each worker shows the present state of the server."""
    with site.lines() as lines:
        for line in map(fresh, lines):
            assert line.ask("GET", "/suites").json() == site.server.suites()
            assert line.ask("GET", "/suites/tree?content=full").headers["x-ecflow-change"] == site.server.change()


class TestCrash:
    def test_every_operation_says_so(self, site: Site, server: EcflowServer) -> None:
        server.kill()
        for method, path, body in WRITES:
            status, message = told(site.ask(method, path, body), method, path)
            assert (status, "cannot be reached" in message) == (502, True), path
        for path in (*READS, *ASKING):
            answer = site.ask("GET", path)
            assert (told(answer, "GET", path)[0], answer.headers["retry-after"]) == (502, "2"), path
        server.start()
        agree(site)
        assert seen(site, "/suites/s/status?filter=status") == ["unknown", "unknown"]

    def test_the_checkpoint_is_older_than_what_was_shown(self, site: Site, server: EcflowServer) -> None:
        for value in range(1, 43):
            set_meter(site, value)
        assert seen(site, METER) == [42, 42]
        known = site.ask("GET", METER)
        server.kill()
        server.start()
        assert seen(site, METER) == [0, 0]
        agree(site)
        numbers = [
            [int(number) for number in one.split("-")] for one in (known.headers["x-ecflow-change"], server.change())
        ]
        assert numbers[1] < numbers[0]
        again = site.ask("GET", METER, If_None_Match=known.headers["etag"])
        assert (again.status, again.json()) == (200, 0)
        set_meter(site, 7)
        assert seen(site, METER) == [7, 7]

    def test_another_definition_with_the_same_numbers(self, site: Site, server: EcflowServer) -> None:
        def anew(name: str) -> None:
            server.kill()
            server.forget()
            server.start()
            server.load(f"suite {name}\n  task only_{name}\nendsuite\n")

        anew("one")
        assert seen(site, "/suites/tree") == [{"one": {"only_one": {}}}] * 2
        known = site.ask("GET", "/suites/tree")
        anew("two")
        assert server.change() == known.headers["x-ecflow-change"]
        assert seen(site, "/suites/tree") == [{"two": {"only_two": {}}}] * 2
        again = site.ask("GET", "/suites/tree", If_None_Match=known.headers["etag"])
        assert (again.status, again.json()) == (200, {"two": {"only_two": {}}})
        gone = site.ask("PUT", "/suites/one/status", {"action": "suspend"})
        assert told(gone, "PUT", "/suites/one/status") == (404, "Path /one not found")

    def test_an_empty_server(self, site: Site, server: EcflowServer) -> None:
        assert seen(site, "/suites") == [["s"], ["s"]]
        server.kill()
        server.forget()
        server.start()
        assert seen(site, "/suites") == [[], []]
        agree(site)


class TestFrozen:
    def test_everything_ends_in_time_and_goes_on_afterwards(self, site: Site, server: EcflowServer) -> None:
        assert seen(site, METER) == [0, 0]
        server.freeze()
        try:
            requests = [*WRITES, *(("GET", path, None) for path in ASKING)]
            with ThreadPoolExecutor(len(requests)) as pool:
                answers = list(pool.map(lambda request: site.ask(*request), requests))
            for (method, path, _), answer in zip(requests, answers, strict=True):
                assert told(answer, method, path)[0] == 504, path
            with ThreadPoolExecutor(len(READS)) as pool:  # by now, what is known is too old
                answers = list(pool.map(lambda path: site.ask("GET", path), READS))
            assert [told(answer, "GET", path)[0] for path, answer in zip(READS, answers, strict=True)] == [504] * 5
            assert site.ask("GET", "/statistics").status == 200
        finally:
            server.thaw()
        agree(site)
        set_meter(site, 5)
        assert seen(site, METER) == [5, 5]

    def test_a_write_that_takes_effect_afterwards_is_seen(self, site: Site, server: EcflowServer) -> None:
        assert seen(site, VARIABLE) == ["none", "none"]
        server.freeze()
        try:
            body = {"type": "variable", "name": "V", "value": "late"}
            # The write needs no look at the copy, which is fresh.
            answer = site.ask("PUT", "/suites/s/attributes", body)
            status, message = told(answer, "PUT", "/suites/s/attributes")
        finally:
            server.thaw()
        assert status == 504
        value = "late" if "whether it took effect is unknown" in message else "none"
        server.wait(lambda: server.query("variable", "/s", "V") == value)
        assert seen(site, VARIABLE) == [value, value]

    def test_structural_changes_do_not_wait_for_each_others_limits(self, site: Site, server: EcflowServer) -> None:
        """One at a time they would take a second each, and longer than any of them is willing to wait."""
        path = "/suites/s/t/attributes"
        server.freeze()
        try:
            with ThreadPoolExecutor(40) as pool:
                bodies = [{"type": "event", "name": f"e{number}"} for number in range(40)]
                answers = list(pool.map(lambda body: site.ask("POST", path, body), bodies))
        finally:
            server.thaw()
        assert {told(answer, "POST", path)[0] for answer in answers} == {504}
        assert site.ask("POST", path, {"type": "event", "name": "after"}).status == 201
        agree(site)


Talk = Callable[[socketserver.StreamRequestHandler], None]


def says_nothing(peer: socketserver.StreamRequestHandler) -> None:
    peer.rfile.read()


def closes(peer: socketserver.StreamRequestHandler) -> None:
    peer.rfile.read(8)


def talks_nonsense(peer: socketserver.StreamRequestHandler) -> None:
    peer.rfile.read(8)
    peer.wfile.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")


def answers_half(peer: socketserver.StreamRequestHandler) -> None:
    peer.rfile.read(8)
    peer.wfile.write(b'     100{"22ServerToClientResponse":')


def says_something_else(peer: socketserver.StreamRequestHandler) -> None:
    peer.rfile.read(8)
    peer.wfile.write(b'      16{"stc_cmd_": {}} ')


@contextmanager
def instead(port: int, talk: Talk) -> Iterator[None]:
    """Somebody else at the server's port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                talk(self)
            except OSError:  # the other end was quicker
                return

    class Listener(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        request_queue_size = 64

    with Listener(("127.0.0.1", port), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            listener.shutdown()
            thread.join()


class TestSomethingElseAtThePort:
    @pytest.mark.parametrize(
        ("talk", "status"),
        [
            (says_nothing, 504),
            (closes, 502),
            (talks_nonsense, 502),
            (answers_half, 502),
            (says_something_else, 502),
        ],
    )
    def test_is_told_by_every_operation(self, talk: Talk, status: int, site: Site, server: EcflowServer) -> None:
        assert seen(site, "/suites") == [["s"], ["s"]]
        requests = [*WRITES, *(("GET", path, None) for path in (*READS, *ASKING))]
        server.kill()
        with instead(server.port, talk):
            # A write first: nothing that was known before is shown behind it.
            assert told(site.ask(*WRITES[0]), *WRITES[0][:2])[0] == status
            with ThreadPoolExecutor(len(requests)) as pool:
                answers = list(pool.map(lambda request: site.ask(*request), requests))
            assert site.ask("GET", "/statistics").status == 200
        for (method, path, _), answer in zip(requests, answers, strict=True):
            assert told(answer, method, path)[0] == status, path
        server.start()
        agree(site)
