"""How a job ended, as Flux tells it: one test for each row of the table in its documentation."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.flux.port import FluxBackend, JobsPort, NewJob
from opsgate.backends.flux.record import Record
from opsgate.backends.flux.states import State
from tests.backends.flux.support import SLEEP, ended, new, printed, run, running, shell

pytestmark = pytest.mark.anyio

OUTCOME = ("state", "result", "success", "exception_occurred", "waitstatus", "returncode")


def outcome(record: Record) -> dict[str, Any]:
    flat = record.flattened()
    return {name: flat[name] for name in OUTCOME} | {"exception": flat["exception"]["type"]}


def as_told(result: str, waitstatus: int | str, returncode: int, exception: str = "") -> dict[str, Any]:
    return {
        "state": "INACTIVE",
        "result": result,
        "success": result == "COMPLETED",
        "exception_occurred": bool(exception),
        "waitstatus": waitstatus,
        "returncode": returncode,
        "exception": exception,
    }


class TestByItself:
    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            (new("true"), as_told("COMPLETED", 0, 0)),
            (shell("exit 3"), as_told("FAILED", 768, 3)),
            (shell("kill -9 $$"), as_told("FAILED", 35072, 137)),
            (shell("kill -TERM $$"), as_told("FAILED", 36608, 143)),
        ],
        ids=["exit 0", "exit 3", "signal 9", "signal 15"],
    )
    async def test_exit_or_signal(self, jobs: JobsPort, wanted: NewJob, expected: dict[str, Any]) -> None:
        over = await run(jobs, wanted)
        assert outcome(over) == expected
        assert over.attributes["t_run"] <= over.attributes["t_cleanup"] <= over.attributes["t_inactive"]

    async def test_the_worst_of_several_tasks_counts(self, jobs: JobsPort) -> None:
        over = await run(jobs, shell("exit $FLUX_TASK_RANK", num_tasks=3))
        assert outcome(over) == as_told("FAILED", 512, 2)

    async def test_a_signal_is_worse_than_an_exit_code(self, jobs: JobsPort) -> None:
        over = await run(jobs, shell("[ $FLUX_TASK_RANK = 0 ] && kill -9 $$; exit 1", num_tasks=2))
        assert outcome(over) == as_told("FAILED", 35072, 137)


class TestNotStarted:
    async def test_no_such_program(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("/no/such"))
        (host,) = {over.attributes["nodelist"]}
        assert outcome(over) == as_told("FAILED", 32512, 127, "exec")
        assert over.attributes["exception_note"] == (
            f"task 0 (host {host}): start failed: /no/such: No such file or directory"
        )

    async def test_no_such_program_on_the_path(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("no-such-program-anywhere"))
        assert outcome(over) == as_told("FAILED", 32512, 127, "exec")

    async def test_file_not_executable(self, jobs: JobsPort, tmp_path: Path) -> None:
        (tmp_path / "script").write_text("echo never\n")
        over = await run(jobs, new(f"{tmp_path}/script"))
        assert outcome(over) == as_told("FAILED", 32256, 126, "exec")

    async def test_argument_too_long(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("echo", "x" * 140_000))
        assert outcome(over) == as_told("FAILED", 256, 1, "exec")
        assert "Argument list too long" in over.attributes["exception_note"]


class TestCancelled:
    async def test_while_running(self, jobs: JobsPort) -> None:
        record = await jobs.submit(shell("echo ready; exec sleep 600"))
        await printed(jobs, record, "ready")
        await jobs.cancel(record.id)
        over = await ended(jobs, record)
        assert outcome(over) == as_told("CANCELED", 36608, 143, "cancel")
        assert over.flattened()["exception"] == {"occurred": True, "severity": 0, "type": "cancel", "note": ""}

    async def test_sigterm_ignored(self, jobs: JobsPort) -> None:
        record = await jobs.submit(shell('trap "" TERM; echo ready; sleep 600; sleep 600'))
        await printed(jobs, record, "ready")
        await jobs.cancel(record.id)
        cleaning = await jobs.job(record.id)
        assert cleaning.state == State.CLEANUP
        assert "t_cleanup" in cleaning.attributes
        assert outcome(await ended(jobs, record)) == as_told("CANCELED", 35072, 137, "cancel")

    async def test_while_pending(self, backend: FluxBackend) -> None:
        jobs = backend.jobs
        cores = (await backend.nodes.resources()).cores
        await running(jobs, new(*SLEEP, cores_per_task=cores))
        record = await jobs.submit(new(*SLEEP))
        await jobs.cancel(record.id)
        over = await ended(jobs, record)
        assert outcome(over) == as_told("CANCELED", "", -128, "cancel")
        assert {"t_run", "nodelist", "annotations", "waitstatus"} & set(over.attributes) == set()


class TestTimeout:
    async def test_over_its_duration(self, jobs: JobsPort) -> None:
        over = await run(jobs, new(*SLEEP, duration=1.0))
        assert outcome(over) == as_told("TIMEOUT", 36352, 142, "timeout")
        assert over.attributes["exception_note"] == "resource allocation expired"
        assert over.attributes["duration"] == 1.0
        assert over.attributes["expiration"] == pytest.approx(over.attributes["t_run"] + 1.0, abs=0.5)
        assert over.runtime >= 0.9

    async def test_within_it(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("true", duration=600.0))
        assert outcome(over) == as_told("COMPLETED", 0, 0)


class TestUnsatisfiable:
    @pytest.mark.parametrize("members", [{"cores_per_task": 10_000}, {"num_tasks": 10_000}])
    async def test_more_than_there_is(self, backend: FluxBackend, members: dict[str, int]) -> None:
        over = await run(backend.jobs, new("true", **members))
        assert outcome(over) == as_told("FAILED", "", 1, "alloc")
        assert "t_run" not in over.attributes
        assert over.attributes["exception_note"].startswith("unsatisfiable request")

    async def test_it_holds_up_nobody(self, jobs: JobsPort) -> None:
        big = await jobs.submit(new("true", cores_per_task=10_000))
        assert (await run(jobs, new("true"))).returncode == 0
        assert (await ended(jobs, big)).returncode == 1


class TestStates:
    async def test_times_of_all_of_them_in_order(self, jobs: JobsPort) -> None:
        over = await run(jobs, new("true"))
        names = ("t_submit", "t_depend", "t_priority", "t_sched", "t_run", "t_cleanup", "t_inactive")
        times = [over.attributes[name] for name in names]
        assert times == sorted(times)

    async def test_a_running_job(self, jobs: JobsPort) -> None:
        record = await running(jobs, new(*SLEEP))
        assert {"result", "success", "exception_occurred", "waitstatus", "t_cleanup"} & set(record.attributes) == set()
        first = record.flattened()
        assert (first["state"], first["result"], first["returncode"]) == ("RUN", "", "")
        assert first["exception"] == {"occurred": "", "severity": "", "type": "", "note": ""}
        await asyncio.sleep(0.01)
        assert record.flattened()["runtime"] > first["runtime"]
