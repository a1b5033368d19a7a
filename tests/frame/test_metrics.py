"""What is counted, how workers put it together, and how it is written down."""

import asyncio
import os
import signal
from collections.abc import Awaitable

import pytest

from opsgate.backends.calls import Calls
from opsgate.backends.errors import Timeout, Unavailable
from opsgate.backends.measures import Measure
from opsgate.metrics.exposing import write
from opsgate.metrics.meter import BOUNDS, OPERATION, OTHER, Counts, Label, Meter
from opsgate.metrics.sharing import Shared

GET = Label("hoplite", "get_job")
FOR_GET = {OPERATION: GET}


def tally(seconds: float, *groups: int) -> list[float]:
    numbers = [0.0] * (len(BOUNDS) + 1)
    for group in groups:
        numbers[group] += 1
    return [seconds, *numbers]


def called(calls: Calls, name: str, failure: Exception | None = None) -> None:
    """Count a call; its seconds are made up afterwards."""

    async def call() -> None:
        if failure is not None:
            raise failure

    outcome = asyncio.run(_outcome(calls, name, call()))
    assert outcome is failure
    calls.tallies[name][2] = 0.5


async def _outcome(calls: Calls, name: str, call: Awaitable[None]) -> BaseException | None:
    return (await asyncio.gather(calls.counted(name, call), return_exceptions=True))[0]


class TestMeter:
    def test_answers_by_operation_status_and_duration(self) -> None:
        meter = Meter()
        meter.answered(FOR_GET, 200, 0.0005)
        meter.answered(FOR_GET, 200, 0.001)
        meter.answered(FOR_GET, 404, 0.002)
        meter.answered({}, 200, 100.0)
        assert meter.counts().answers == {
            (GET, 200): tally(0.0015, 0, 0),
            (GET, 404): tally(0.002, 1),
            (OTHER, 200): tally(100.0, len(BOUNDS)),
        }

    def test_failures_by_meaning(self) -> None:
        meter = Meter()
        for failure in (Timeout("a"), Unavailable("b"), Timeout("c")):
            meter.failed("ecflow", failure)
        assert meter.counts().failures == {("ecflow", "Timeout"): 2, ("ecflow", "Unavailable"): 1}

    def test_calls_of_an_engine_that_apis_share_count_once(self) -> None:
        meter, jobs, flux, more = Meter(), Calls("jobs"), Calls("flux"), Calls("flux")
        for engines in ([jobs], [jobs, flux], [more]):
            meter.watch(engines)
        for calls in (jobs, flux, more):
            called(calls, "a")
        called(flux, "b", Timeout("x"))
        assert meter.counts().calls == {
            ("jobs", "a"): [1, 0, 0.5],
            ("flux", "a"): [2, 0, 1.0],
            ("flux", "b"): [1, 1, 0.5],
        }

    def test_a_copy_stays_as_it_is(self) -> None:
        meter = Meter()
        meter.answered(FOR_GET, 200, 0.0005)
        calls = Calls("jobs")
        meter.watch([calls])
        called(calls, "a")
        copy = meter.counts()
        meter.answered(FOR_GET, 200, 0.0005)
        called(calls, "a")
        assert copy.calls == {("jobs", "a"): [1, 0, 0.5]}
        assert copy.answers == {(GET, 200): tally(0.0005, 0)}


class TestShared:
    """In this process alone, workers are played one after the other."""

    def test_without_workers(self) -> None:
        shared = Shared()
        shared.meter.answered(FOR_GET, 200, 0.5)
        shared.publish()
        assert shared.total().answers == {(GET, 200): tally(0.5, 8)}

    def test_all_workers_are_seen_by_each(self) -> None:
        shared = Shared(3)
        for worker, times in ((1, 2), (2, 3)):
            _fork(shared, worker, times)
        assert shared.total().calls == {("jobs", "change"): [2, 0, 1.0]}
        assert shared.total().answers == {(GET, 200): tally(2.5, *[8] * 5)}

    def test_what_ended_workers_counted_stays(self) -> None:
        shared = Shared(1)
        for worker in range(1, 6):
            _fork(shared, worker, 2)
            shared.after_end(worker)
        assert shared.total().calls == {("jobs", "change"): [5, 0, 2.5]}
        assert shared.total().answers == {(GET, 200): tally(5.0, *[8] * 10)}

    def test_one_worker_too_many_is_left_out(self) -> None:
        shared = Shared(1)
        _fork(shared, 1, 2)
        _fork(shared, 2, 3)
        shared.after_end(2)
        assert shared.total().answers == {(GET, 200): tally(1.0, 8, 8)}

    def test_killed_while_writing(self) -> None:
        shared = Shared(1)
        _fork(shared, 1, 2)
        # What a worker leaves that is killed between filling its other half and turning to it.
        memory = shared._memory
        place = len(memory) - 10
        memory[place:] = b"0123456789"
        assert shared.total().answers == {(GET, 200): tally(1.0, 8, 8)}

    @pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"answers": [[1]]}', b"\xff"])
    def test_nonsense_counts_nothing(self, torn: bytes) -> None:
        shared = Shared(1)
        shared._write(1, torn)
        assert shared.total() == Counts({}, {}, {})


def _fork(shared: Shared, worker: int, times: int) -> None:
    """Let a real process count, a call to an engine besides, publish and be killed."""
    shared.before_fork(worker)
    pid = os.fork()
    if pid == 0:
        shared.after_fork(worker)
        for _ in range(times):
            shared.meter.answered(FOR_GET, 200, 0.5)
        calls = Calls("jobs")
        shared.meter.watch([calls])
        called(calls, "change")
        shared.publish()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


class TestWrite:
    def test_all_there_is(self) -> None:
        meter = Meter()
        meter.answered(FOR_GET, 200, 0.0005)
        meter.answered(FOR_GET, 503, 0.03)
        meter.failed("hoplite", Unavailable("no"))
        engine = Calls("jobs")
        meter.watch([engine])
        called(engine, "change")
        called(engine, "change", Unavailable("full"))
        jobs = [
            ("hoplite", Measure("opsgate_jobs", "Jobs.", number, {"state": s})) for s, number in (("a", 1), ("b", 2))
        ]
        text, media_type = write(meter.counts(), jobs, "text/plain;version=0.0.4")
        assert media_type.startswith("text/plain; version=")
        lines = text.decode().splitlines()
        assert 'opsgate_requests_total{api="hoplite",operation="get_job",status="200"} 1.0' in lines
        assert 'opsgate_requests_total{api="hoplite",operation="get_job",status="503"} 1.0' in lines
        assert 'opsgate_request_seconds_bucket{api="hoplite",le="0.001"} 1.0' in lines
        assert 'opsgate_request_seconds_bucket{api="hoplite",le="0.025"} 1.0' in lines
        assert 'opsgate_request_seconds_bucket{api="hoplite",le="0.05"} 2.0' in lines
        assert 'opsgate_request_seconds_bucket{api="hoplite",le="+Inf"} 2.0' in lines
        assert 'opsgate_request_seconds_count{api="hoplite"} 2.0' in lines
        assert 'opsgate_request_seconds_sum{api="hoplite"} 0.0305' in lines
        assert 'opsgate_engine_failures_total{api="hoplite",meaning="Unavailable"} 1.0' in lines
        assert 'opsgate_engine_calls_total{call="change",engine="jobs"} 2.0' in lines
        assert 'opsgate_engine_call_failures_total{call="change",engine="jobs"} 1.0' in lines
        assert 'opsgate_engine_call_seconds_total{call="change",engine="jobs"} 0.5' in lines
        assert 'opsgate_jobs{api="hoplite",state="b"} 2.0' in lines

    def test_openmetrics(self) -> None:
        text, media_type = write(Meter().counts(), [], "application/openmetrics-text; version=1.0.0")
        assert media_type.startswith("application/openmetrics-text")
        assert text.endswith(b"# EOF\n")
