"""The status object of plugins: by the channel, by HTTP, and its stand-in."""

from __future__ import annotations

import datetime
import json
import pickle
import threading
import time

import pytest

from opsgate.backends.hoplite import updater
from opsgate.backends.hoplite.adapter import adapt
from opsgate.backends.hoplite.exceptions import JobDoesNotExistError, StatusNotDeliveredError
from opsgate.backends.hoplite.updater import MockStatusUpdater, StatusUpdater
from tests.engines.gateway import free_port
from tests.engines.receiver import Receiver

DAY = datetime.datetime(1970, 1, 2)


class TestByTheChannel:
    def test_markers_are_written(self) -> None:
        told: list[object] = []

        def report(status: object) -> bool:
            told.append(status)
            return True

        status = StatusUpdater("127.0.0.1:1", "u", "k", report)
        status.update({"day": DAY})
        assert told == [{"day": {"$date": 86400000}}]
        assert status.status == {"day": DAY}

    def test_a_status_that_is_not_taken_goes_by_http(self) -> None:
        with Receiver() as server:
            StatusUpdater(f"127.0.0.1:{server.port}", "u", "k", lambda _: False).update({"a": 1})
        assert [(each.method, each.path) for each in server.received] == [("PUT", "/jobs/u")]


class TestByHttp:
    def test_sends_status_and_key(self) -> None:
        with Receiver() as server:
            StatusUpdater(f"127.0.0.1:{server.port}/hoplite", "u", "k").update({"day": DAY})
        (request,) = server.received
        assert (request.method, request.path) == ("PUT", "/hoplite/jobs/u")
        assert request.headers["Content-Type"] == "application/json"
        assert json.loads(request.body) == {"api_key": "k", "status": {"day": {"$date": 86400000}}}

    def test_a_job_that_is_unknown_is_told(self) -> None:
        with Receiver([404]) as server, pytest.raises(JobDoesNotExistError, match="Job does not exist"):
            StatusUpdater(f"127.0.0.1:{server.port}", "u", "k").update({})

    @pytest.mark.parametrize("code", [400, 403, 413, 500])
    def test_other_refusals_are_ignored(self, code: int) -> None:
        with Receiver([code]) as server:
            StatusUpdater(f"127.0.0.1:{server.port}", "u", "k").update({})
        assert len(server.received) == 1

    def test_is_repeated_while_the_server_is_away(self) -> None:
        port, answers = free_port(), [503, 502]
        status = StatusUpdater(f"127.0.0.1:{port}", "u", "k")
        thread = threading.Thread(target=status.update, args=({"a": 1},))
        thread.start()
        time.sleep(0.2)  # it is refused meanwhile
        with Receiver(answers, port) as server:
            thread.join(30)
            assert len(server.wait(3)) == 3

    def test_is_given_up_some_day(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(updater, "_RETRY_SECONDS", 0.2)
        with pytest.raises(StatusNotDeliveredError, match="does not take the job's status"):
            StatusUpdater(f"127.0.0.1:{free_port()}", "u", "k").update({})

    def test_needs_no_address_that_makes_sense_to_fail_properly(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(updater, "_RETRY_SECONDS", 0.05)
        with pytest.raises(ConnectionError):
            StatusUpdater("", "u", "k").update({})


class TestAttributes:
    def test_are_those_that_plugins_use(self) -> None:
        config, status = adapt(
            {"day": {"$date": 86400000}}, lambda _: True, {"addr": "h:5000", "uuid": "u", "api_key": "k"}
        )
        assert config == {"day": DAY}
        assert (status.addr, status._daemon_addr, status._uuid, status._api_key, status.status) == (
            "h:5000",
            "http://h:5000",
            "u",
            "k",
            {},
        )

    def test_stay_when_it_is_handed_to_another_process(self) -> None:
        with Receiver() as server:
            status = StatusUpdater(f"127.0.0.1:{server.port}", "u", "k", threading.Lock)  # type: ignore[arg-type]
            handed: StatusUpdater = pickle.loads(pickle.dumps(status))  # noqa: S301 - our own
            handed.update({"a": 1})
        assert len(server.received) == 1


class TestMock:
    def test_prints_and_keeps_the_status(self, capsys: pytest.CaptureFixture[str]) -> None:
        status = MockStatusUpdater()
        status.update({"day": DAY})
        assert json.loads(capsys.readouterr().out) == {"day": {"$date": 86400000}}
        assert (status.status, status.addr, status._uuid) == ({"day": DAY}, "0.0.0.0:5000", "{0}")
