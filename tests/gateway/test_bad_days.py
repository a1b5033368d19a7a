"""The engine goes away, hangs, comes back; a worker dies under load; many wait: nobody else notices."""

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import requests

from tests.engines.dying_workers import kill_each
from tests.engines.gateway import Gateway, free_port
from tests.engines.supervisord import Supervisord, running, single

STATE = "/supervisor/getState"


@dataclass
class Pair:
    """A daemon that may be harmed, and a gateway in front of it that gives it a second to answer."""

    daemon: Supervisord
    gateway: Gateway

    def get(self, path: str = STATE) -> requests.Response:
        return requests.get(self.gateway.url + path, timeout=60)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("b")
    daemon = single(directory)
    port = free_port()
    arguments = ["supvisors", "-u", daemon.url, "-p", str(port), "--workers", "2"]
    environment = {"OPSGATE_SUPVISORS_TIMEOUT": "1"}
    with running(daemon), Gateway(arguments, port, directory / "log", environment) as gateway:
        yield Pair(daemon, gateway)


class TestEngineAway:
    def test_is_503_at_once_and_heals_without_a_restart(self, pair: Pair) -> None:
        assert pair.get().status_code == httpx.codes.OK
        pair.daemon.kill()
        begin = time.monotonic()
        answer = pair.get()
        assert time.monotonic() - begin < 10
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert list(answer.json()) == ["message"]
        assert answer.json()["message"].startswith("supervisord at unix://")
        ready = pair.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        for page in ("/healthz", "/ui/", "/openapi.json"):
            assert pair.get(page).status_code == httpx.codes.OK
        pair.daemon.start()
        assert pair.get().json() == {"statecode": 1, "statename": "RUNNING"}
        pair.daemon.wait_for_state("OPERATION")
        assert pair.get("/readyz").json()["ready"] is True
        metrics = pair.get("/metrics").text
        assert re.search(r'^opsgate_supvisors_processes{api="supvisors",state="RUNNING"} [1-9]', metrics, re.MULTILINE)

    def test_a_hanging_engine_is_504_within_the_limit(self, pair: Pair) -> None:
        pair.daemon.freeze()
        try:
            begin = time.monotonic()
            answer = pair.get()
            assert 0.9 < time.monotonic() - begin < 10
            assert (answer.status_code, answer.json()) == (
                504,
                {"message": "supervisord did not answer supervisor.getState within 1 s"},
            )
        finally:
            pair.daemon.thaw()
        assert pair.get().status_code == httpx.codes.OK


@dataclass
class Client:
    """Asks again and again over one connection, and counts."""

    url: str
    answered: int = 0
    broken: int = 0
    wrong: list[int] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        with requests.Session() as session:
            while not stop.is_set():
                try:
                    status = session.get(self.url, timeout=60).status_code
                except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):  # cut off in the answer
                    self.broken += 1
                    continue
                self.answered += 1
                if status != httpx.codes.OK:
                    self.wrong.append(status)


class TestWorkerDies:
    def test_only_requests_on_its_own_connections_are_lost(self, pair: Pair) -> None:
        clients = [Client(pair.gateway.url + STATE) for _ in range(8)]
        victims = kill_each(pair.gateway, clients, more=20)
        assert [client.wrong for client in clients] == [[]] * len(clients)
        # One for each victim, and once more when the connection that came next was waiting for it to be accepted.
        assert all(client.broken <= 2 * len(victims) for client in clients), clients
        assert not set(victims) & set(pair.gateway.workers())


class TestWaiting:
    def test_waiting_calls_keep_nobody_waiting(self, pair: Pair) -> None:
        """Restarts wait for processes to run; 60 of them at a time, and reads in between stay quick."""
        url = f"{pair.gateway.url}/supvisors/restart_process/CONFIG/player:movie_player?wait=true"
        with ThreadPoolExecutor(60) as pool:
            waiting = [pool.submit(requests.post, url, timeout=120) for _ in range(60)]
            slowest = 0.0
            for _ in range(30):
                begin = time.monotonic()
                assert pair.get().status_code == httpx.codes.OK
                slowest = max(slowest, time.monotonic() - begin)
                time.sleep(0.02)
            statuses = {done.result().status_code for done in waiting}
        assert slowest < 10
        assert statuses <= {200, 409}
        assert 200 in statuses


def test_the_log_shows_no_failure_of_ours(pair: Pair) -> None:
    assert "Traceback" not in Path(pair.gateway.log).read_text()
