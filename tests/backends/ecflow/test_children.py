"""What jobs report: from a real job, and by every way in which a report can be wrong."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import orjson
import pytest

from opsgate.backends.ecflow.port import Action, EcflowBackend, Job
from opsgate.backends.errors import Conflict, Denied, EngineError, Invalid, NotFound, Unavailable
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def job(backend: EcflowBackend, server: EcflowServer, suite: str) -> Job:
    """A task that was submitted, whose job does nothing by itself."""
    name = f"{suite}j"
    server.load(
        f"suite {name}\n{server.variables}  edit ECF_JOB_CMD 'true'\n  task t\n"
        '    defstatus complete\n    label l ""\n    meter m 0 100\n    event e\n    event 7\n    queue q a b c\n'
        "  task other\n    defstatus complete\nendsuite\n"
    )
    server.script(f"{name}/t", "true")
    server.begin(name)
    await backend.status.act(f"/{name}/t", Action("execute"))
    return Job(f"/{name}/t", server.query("variable", f"/{name}/t", "ECF_PASS"), "4711", 1)


async def state(backend: EcflowBackend, job: Job) -> str:
    return (await backend.status.status(job.name)).status


class TestReports:
    async def test_from_beginning_to_end(self, backend: EcflowBackend, job: Job) -> None:
        await backend.status.init(job)
        assert await state(backend, job) == "active"
        await backend.attributes.event(job, "e", True)
        await backend.attributes.event(job, "7", True)
        await backend.attributes.event(job, "e", False)
        await backend.attributes.meter(job, "m", 42)
        await backend.attributes.label(job, "l", 'line 1\nline "2" # \u20ac')
        shown = orjson.loads((await backend.attributes.attributes(job.name)).body)
        assert [(one["name"], one["value"]) for one in shown["events"]] == [("e", False), ("", True)]
        assert shown["meters"] == [{"name": "m", "min": 0, "max": 100, "value": 42}]
        assert shown["labels"] == [{"name": "l", "value": 'line 1\nline "2" # \u20ac'}]
        await backend.status.complete(job)
        assert await state(backend, job) == "complete"

    async def test_failure(self, backend: EcflowBackend, job: Job) -> None:
        await backend.status.init(job)
        await backend.status.abort(job, "no\nspace left >abort state:complete")
        assert await state(backend, job) == "aborted"

    async def test_queues(self, backend: EcflowBackend, job: Job) -> None:
        await backend.status.init(job)
        queue = backend.attributes.queue
        assert await queue(job, "q", "active") == "a"
        assert await queue(job, "q", "active") == "b"
        assert await queue(job, "q", "complete", step="a") == ""
        assert await queue(job, "q", "aborted", step="b") == ""
        # In the document's words: the steps that are queued or aborted.
        assert await queue(job, "q", "no_of_aborted") == "1"
        assert await queue(job, "q", "active", path=job.name) == "c"
        assert await queue(job, "q", "active") == "<NULL>"
        assert await queue(job, "q", "reset") == ""
        assert await queue(job, "q", "active") in ("a", "b")

    async def test_queues_that_are_wrong(self, backend: EcflowBackend, job: Job) -> None:
        await backend.status.init(job)
        with pytest.raises(NotFound, match="nq"):
            await backend.attributes.queue(job, "nq", "active")
        with pytest.raises(Invalid, match="needs queue_step"):
            await backend.attributes.queue(job, "q", "complete")
        with pytest.raises(Invalid, match="takes no queue_step"):
            await backend.attributes.queue(job, "q", "active", step="a")


class TestWait:
    async def test_until_it_holds(self, backend: EcflowBackend, job: Job) -> None:
        await backend.status.init(job)
        assert await backend.status.wait(job, "other == complete", seconds=0) is True
        waiting = asyncio.create_task(backend.status.wait(job, "other == aborted", seconds=20))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await backend.status.act(f"{job.name.rpartition('/')[0]}/other", Action("abort"))
        assert await waiting is True

    async def test_not_for_ever(self, backend: EcflowBackend, job: Job) -> None:
        await backend.status.init(job)
        async with asyncio.timeout(60):
            assert await backend.status.wait(job, "other == aborted", seconds=0.2) is False

    @pytest.mark.parametrize("text", ["other ==", "1 == 1 == 1", "", "nope == complete"])
    async def test_for_nonsense(self, text: str, backend: EcflowBackend, server: EcflowServer, job: Job) -> None:
        await backend.status.init(job)
        with pytest.raises(Invalid):
            await backend.status.wait(job, text, seconds=5)
        assert server.running


class TestZombies:
    @pytest.mark.parametrize("field", ["password", "name"])
    async def test_are_refused_at_once(self, field: str, backend: EcflowBackend, job: Job) -> None:
        wrong = replace(job, password="wrong") if field == "password" else replace(job, name=f"{job.name}x")
        with pytest.raises(Conflict) as caught:  # one that had to wait would end with Timeout
            await backend.status.init(wrong)
        assert caught.value.details == {"zombie_type": "ecf_passwd" if field == "password" else "path"}
        assert await state(backend, job) == "submitted"

    async def test_of_another_process(self, backend: EcflowBackend, job: Job) -> None:
        await backend.status.init(job)
        with pytest.raises(Conflict):
            await backend.status.complete(replace(job, rid="4712"))
        with pytest.raises(Conflict):
            await backend.status.wait(replace(job, rid="4712"), "1 == 1", seconds=5)
        assert await state(backend, job) == "active"

    @pytest.mark.parametrize("password", ["", "_DJP_"])
    async def test_passwords_that_open_every_task(
        self, password: str, backend: EcflowBackend, server: EcflowServer, suite: str, job: Job
    ) -> None:
        # With the first the server lets anybody report for a task without a job, with the second for any task.
        for name in (job.name, f"/{suite}/f/t"):
            wrong = Job(name, password, "1", 1)
            for report in (backend.status.init, backend.status.complete, backend.status.abort):
                with pytest.raises(Denied, match="ECF_PASS is not that of a job"):
                    await report(wrong)
        assert await state(backend, job) == "submitted"
        assert server.running


class TestOfAHaltedServer:
    async def test_have_to_wait(self, backend: EcflowBackend, server: EcflowServer, job: Job) -> None:
        server.command("CtsCmd", api_=4)
        try:
            with pytest.raises(Unavailable, match="halted") as caught:
                await backend.status.init(job)
            assert caught.value.retry_after == 10
            await backend.status.act(job.name, Action("suspend"))  # users may still work
        finally:
            server.command("CtsCmd", api_=2)
        await backend.status.init(job)


class TestARealJob:
    async def test_is_run_and_reports(self, backend: EcflowBackend, server: EcflowServer, suite: str) -> None:
        name = f"{suite}r"
        server.load(
            f'suite {name}\n{server.variables}  family f\n    task t\n      label l ""\n      meter m 0 100\n'
            "      event e\n      queue q a b\n    task u\n      trigger t == complete and t:e\n  endfamily\nendsuite\n"
        )
        lines = ["ecflow_client --meter=m 42", "ecflow_client --label=l 'hello # \"you\"'", "ecflow_client --event=e"]
        lines += ["step=$(ecflow_client --queue=q active)", "ecflow_client --queue=q complete $step", "echo did $step"]
        server.script(f"{name}/f/t", "\n".join(lines))
        server.script(f"{name}/f/u", "ecflow_client --wait='t == complete'")
        await backend.status.act(f"/{name}", Action("begin"))
        server.wait_for(f"/{name}", "complete")
        shown = orjson.loads((await backend.attributes.attributes(f"/{name}/f/t")).body)
        assert shown["labels"] == [{"name": "l", "value": 'hello # "you"'}]
        assert shown["queues"] == [{"name": "q", "index": 1, "value": "b", "queue": ["a", "b"]}]
        assert "did a" in (await backend.nodes.output(f"/{name}/f/t")).job


class TestNumbers:
    async def test_that_the_server_cannot_hold(self, backend: EcflowBackend, job: Job) -> None:
        with pytest.raises(Invalid, match="is no value"):
            await backend.attributes.meter(job, "m", 2**40)

    async def test_of_unknown_things_are_taken_silently(self, backend: EcflowBackend, job: Job) -> None:
        # As the server does: it writes them to its log.
        await backend.status.init(job)
        await backend.attributes.meter(job, "nope", 1)
        await backend.attributes.label(job, "nope", "x")
        await backend.attributes.event(job, "nope", True)

    async def test_of_tries(self, backend: EcflowBackend, job: Job) -> None:
        with pytest.raises(EngineError):
            await backend.status.init(replace(job, tryno=2**40))
