"""Jobs that wait for others, or for a word, before they enter their queue."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Conflict, Invalid, NotFound
from opsgate.backends.jobs.engine import Engine
from opsgate.backends.jobs.model import Awaited, Command, Job
from opsgate.backends.jobs.settings import Settings
from opsgate.backends.jobs.states import Cause, State
from tests.backends.jobs.support import API, Open, new, reach, run_to_end, shell, start, start_running

pytestmark = pytest.mark.anyio

SLEEP = Command(("sleep", "600"))
TRUE, FALSE = Command(("true",)), Command(("false",))


async def start_after(engine: Engine, other: Job, how: Awaited, **job: Any) -> Job:
    return await start(engine, TRUE, job={"after": ((other.id, how),), **job})


class TestUntilAnotherIsOver:
    @pytest.mark.parametrize("how", ["end", "success", "failure"])
    async def test_it_is_created_meanwhile(self, engine: Engine, how: Awaited) -> None:
        first = await start_running(engine, SLEEP)
        second = await start_after(engine, first, how)
        assert (second.state, second.awaits) == (State.CREATED, 1)

    @pytest.mark.parametrize(
        ("run", "how"), [(TRUE, "end"), (FALSE, "end"), (TRUE, "success"), (FALSE, "failure"), (TRUE, "start")]
    )
    async def test_then_it_runs(self, engine: Engine, run: Command, how: Awaited) -> None:
        first = await start(engine, run)
        second = await reach(engine, (await start_after(engine, first, how)).id, State.FINISHED)
        first = await engine.get(API, first.id)
        assert (second.exit_code, second.awaits) == (0, 0)
        assert (second.began or 0) > (first.began or 0)
        assert how == "start" or (second.turn or 0) > (first.ended or 0)

    @pytest.mark.parametrize(("run", "how"), [(FALSE, "success"), (TRUE, "failure")])
    async def test_or_waits_in_vain(self, engine: Engine, run: Command, how: Awaited) -> None:
        first = await start(engine, run)
        second = await reach(engine, (await start_after(engine, first, how)).id, State.FINISHED)
        assert (second.cause, second.exit_code, second.began) == (Cause.DEPENDENCY, None, None)
        assert second.ending["awaited"] == [how, first.id]

    async def test_one_that_is_over_already(self, engine: Engine) -> None:
        first = await run_to_end(engine, TRUE)
        assert (await reach(engine, (await start_after(engine, first, "success")).id, State.FINISHED)).exit_code == 0

    async def test_a_killed_one_did_not_end_well(self, engine: Engine) -> None:
        first = await start_running(engine, SLEEP)
        well, anyhow = await start_after(engine, first, "success"), await start_after(engine, first, "end")
        await engine.kill(API, first.id)
        assert (await reach(engine, well.id, State.FINISHED)).cause == Cause.DEPENDENCY
        assert (await reach(engine, anyhow.id, State.FINISHED)).exit_code == 0

    async def test_in_vain_goes_on_to_those_behind(self, engine: Engine) -> None:
        first = await start_running(engine, SLEEP)
        second = await start_after(engine, first, "success")
        third = await start_after(engine, second, "success")
        fourth = await start_after(engine, third, "failure")
        await engine.kill(API, first.id)
        assert (await reach(engine, fourth.id, State.FINISHED)).exit_code == 0
        assert (await engine.get(API, third.id)).cause == Cause.DEPENDENCY

    async def test_a_deleted_one_is_over(self, engine: Engine) -> None:
        first = (await engine.create(new(TRUE))).job
        well, anyhow = await start_after(engine, first, "success"), await start_after(engine, first, "end")
        await engine.delete(API, first.id)
        await start(engine, TRUE)  # whoever comes next to the queue sees to it
        assert (await reach(engine, well.id, State.FINISHED)).cause == Cause.DEPENDENCY
        assert (await reach(engine, anyhow.id, State.FINISHED)).exit_code == 0

    async def test_several(self, engine: Engine) -> None:
        first, second = await start_running(engine, SLEEP), await start_running(engine, SLEEP)
        after = ((first.id, "end"), (second.id, "end"))
        third = await start(engine, TRUE, job={"after": after})
        assert third.awaits == 2
        await engine.kill(API, first.id)
        await reach(engine, first.id, State.FINISHED)
        third = await engine.get(API, third.id)
        assert (third.state, third.awaits) == (State.CREATED, 1)
        await engine.kill(API, second.id)
        assert (await reach(engine, third.id, State.FINISHED)).exit_code == 0

    async def test_one_that_is_not_there(self, engine: Engine) -> None:
        with pytest.raises(Invalid, match="There is no job no-such-job to wait for"):
            await start(engine, TRUE, job={"after": (("no-such-job", "end"),), "id": "mine"})
        with pytest.raises(NotFound):
            await engine.get(API, "mine")

    async def test_killed_while_it_waits(self, engine: Engine) -> None:
        first = await start_running(engine, SLEEP)
        second = await start_after(engine, first, "end")
        assert await engine.kill(API, second.id, created=True)
        await engine.kill(API, first.id)
        await reach(engine, first.id, State.FINISHED)
        assert (await engine.get(API, second.id)).cause == Cause.CANCELLED

    async def test_over_it_waits_for_nothing(self, engine: Engine, root: Path) -> None:
        first = await start_running(engine, SLEEP)
        killed = await start_after(engine, first, "end", held=True)
        in_vain = await start_after(engine, killed, "success", held=True)
        await engine.kill(API, killed.id, created=True)
        await reach(engine, in_vain.id, State.FINISHED)
        with sqlite3.connect(root / "jobs.db") as db:
            assert db.execute("SELECT * FROM awaited").fetchall() == []
        db.close()


class TestUntilAnotherBegan:
    async def test_it_runs_then(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=2, seconds_between_tidying=0.1))
        blocking = await start_running(engine, SLEEP, job={"cores": 2})
        first = await start(engine, SLEEP)
        second = await start_after(engine, first, "start")
        await engine.kill(API, blocking.id)
        assert (await reach(engine, second.id, State.FINISHED)).exit_code == 0
        assert (await engine.get(API, first.id)).state == State.RUNNING

    async def test_one_that_never_will(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        await start_running(engine, SLEEP)
        first = await start(engine, SLEEP)
        second = await start_after(engine, first, "start")
        await engine.kill(API, first.id)
        assert (await reach(engine, second.id, State.FINISHED)).cause == Cause.DEPENDENCY


class TestHeld:
    async def test_until_released(self, engine: Engine) -> None:
        held = await start(engine, TRUE, job={"held": True})
        assert (held.state, held.awaits) == (State.CREATED, 0)
        assert await engine.release(API, held.id)
        assert (await reach(engine, held.id, State.FINISHED)).exit_code == 0

    async def test_released_it_waits_for_others_still(self, engine: Engine) -> None:
        first = await start_running(engine, SLEEP)
        held = await start_after(engine, first, "end", held=True)
        await engine.release(API, held.id)
        assert (await engine.get(API, held.id)).state == State.CREATED
        await engine.kill(API, first.id)
        assert (await reach(engine, held.id, State.FINISHED)).exit_code == 0

    async def test_others_over_it_waits_for_the_word(self, engine: Engine) -> None:
        first = await run_to_end(engine, TRUE)
        held = await start_after(engine, first, "end", held=True)
        assert (held.state, held.awaits) == (State.CREATED, 0)
        assert await engine.release(API, held.id)
        assert (await reach(engine, held.id, State.FINISHED)).exit_code == 0

    async def test_in_its_queue_it_keeps_its_place(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=1))
        blocking = await start_running(engine, SLEEP)
        first, second = await start(engine, TRUE), await start(engine, TRUE)
        await engine.hold(API, first.id)
        held = await engine.get(API, first.id)
        assert (held.state, held.turn, held.queued_at) == (State.CREATED, first.turn, first.queued_at)
        await engine.release(API, first.id)
        await engine.kill(API, blocking.id)
        second = await reach(engine, second.id, State.FINISHED)
        assert ((await engine.get(API, first.id)).began or 0) < (second.began or 0)

    async def test_in_its_queue_it_lets_others_pass(self, root: Path, open_engine: Open) -> None:
        engine = await open_engine(Settings(root, cores=2))
        await start_running(engine, SLEEP)
        big, small = await start(engine, TRUE, job={"cores": 2}), await start(engine, TRUE)
        await engine.hold(API, big.id)
        await engine.hold(API, big.id)
        assert (await reach(engine, small.id, State.FINISHED)).exit_code == 0
        events = [event.event for event in await engine.events(API, 0, job_id=big.id)]
        assert events == ["created", "queued", "held"]

    async def test_while_it_waits_for_others(self, engine: Engine) -> None:
        first = await start_running(engine, SLEEP)
        second = await start_after(engine, first, "end")
        await engine.hold(API, second.id)
        await engine.kill(API, first.id)
        await reach(engine, first.id, State.FINISHED)
        assert (await engine.get(API, second.id)).state == State.CREATED
        await engine.release(API, second.id)
        assert (await reach(engine, second.id, State.FINISHED)).exit_code == 0

    async def test_not_one_that_does_not_wait(self, engine: Engine) -> None:
        for job in ((await engine.create(new(TRUE))).job, await start_running(engine, SLEEP)):
            with pytest.raises(Conflict, match="does not wait for its start"):
                await engine.hold(API, job.id)

    async def test_one_that_is_not_held(self, engine: Engine) -> None:
        assert not await engine.release(API, (await start(engine, TRUE)).id)
        with pytest.raises(NotFound):
            await engine.release(API, "no-such-job")


class TestNobodyLooks:
    async def test_the_end_of_one_starts_the_other(self, root: Path, open_engine: Open, tmp_path: Path) -> None:
        engine = await Engine.open(Settings(root, cores=2))
        first = await start_running(engine, shell(f"until [ -e {tmp_path}/go ]; do sleep 0.02; done"))
        second = await start_after(engine, first, "success")
        await engine.close()
        (tmp_path / "go").touch()
        again = await open_engine(Settings(root, cores=2, seconds_between_tidying=600))
        assert (await reach(again, second.id, State.FINISHED)).exit_code == 0
