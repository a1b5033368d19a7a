"""What survives what: schedulers killed at any moment, runs cut off, several thousand changes under way."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
from collections import Counter

import pytest

from opsgate.backends.jobs import clocks, layout, locks
from tests.backends.redengine.support import API, SECONDS, Place, eventually

pytestmark = pytest.mark.anyio


class TestSchedulerKilled:
    async def test_nothing_accepted_is_lost(self, scheduled: Place) -> None:
        scheduled.schedulers[0].kill()
        await scheduled.schedulers[0].wait()
        await scheduled.backend.create("a", {"command": ["true"], "start_cond": "daily"})
        run = await scheduled.backend.run_now("a")
        await scheduled.schedule()
        assert (await scheduled.until_over(run["run_id"]))["action"] == "success"
        assert await scheduled.actions("a") == ["run", "success"]

    async def test_daily_does_not_run_again(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["true"], "start_cond": "daily"})
        before = await scheduled.until("a", "success")
        scheduled.schedulers[0].kill()
        await scheduled.schedule()
        await scheduled.backend.create("b", {"command": ["true"], "start_cond": "daily"})
        await scheduled.until("b", "success")
        assert await scheduled.task("a") == before
        assert await scheduled.actions("a") == ["run", "success"]

    async def test_a_run_goes_on_and_is_recorded(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"code": "import time; time.sleep(0.5); return_value = 7"})
        run = await scheduled.backend.run_now("a")
        await scheduled.until("a", "run")
        scheduled.schedulers[0].kill()
        await (await scheduled.engine()).wait(API, run["run_id"], SECONDS)
        assert (await scheduled.task("a"))["status"] == "run"
        await scheduled.schedule()
        assert (await scheduled.until_over(run["run_id"]))["return_value"] == 7
        assert await scheduled.actions("a") == ["run", "success"]

    async def test_a_run_can_be_stopped_meanwhile(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["sleep", "60"]})
        run = await scheduled.backend.run_now("a")
        await scheduled.until("a", "run")
        scheduled.schedulers[0].kill()
        await scheduled.backend.stop("a")
        await (await scheduled.engine()).wait(API, run["run_id"], SECONDS)
        await scheduled.schedule()
        assert (await scheduled.until_over(run["run_id"]))["action"] == "terminate"

    async def test_again_and_again_under_load(self, place: Place) -> None:
        """Of tasks that follow each other and are asked for, every run takes place, and takes place once."""
        chance = random.Random(3)  # noqa: S311 - nothing secret
        asked: Counter[str] = Counter()
        for number in range(12):
            follows = f"after task 't{number - 1}'" if number % 3 else "false"
            await place.backend.create(f"t{number}", {"command": ["true"], "start_cond": follows})
        for _ in range(6):
            await place.start_scheduler()
            for name in (f"t{3 * chance.randrange(4)}" for _ in range(3)):
                run = await place.backend.run_now(name)
                asked[run["run_id"]] += 1
                await asyncio.sleep(chance.random() * 0.3)
            place.schedulers[-1].kill()
            await place.schedulers[-1].wait()
        await place.schedule()
        for run_id in asked:
            assert (await place.until_over(run_id))["action"] == "success"
        await eventually(lambda: self.rest(place))
        records = await place.logs()
        actions = Counter((record["run_id"], record["action"]) for record in records)
        assert set(actions.values()) == {1}
        starts = Counter(record["task_name"] for record in records if record["action"] == "run")
        assert all(starts[f"t{number}"] >= 1 for number in range(12) if number % 3 and starts[f"t{number - 1}"])
        engine = await place.engine()
        assert {job.id for job in await engine.jobs(API)} == {record["run_id"] for record in records}

    async def rest(self, place: Place) -> bool | None:
        """Whether nothing is under way, nor about to be."""
        tasks = json.loads((await place.backend.tasks()).body)
        last = {task["name"]: task for task in tasks}
        if (await place.backend.scheduler())["running"] or (await place.backend.scheduler())["waiting"]:
            return None
        for number in (number for number in range(12) if number % 3):
            before, after = last[f"t{number - 1}"]["last_success"], last[f"t{number}"]["last_run"]
            if before is not None and (after is None or after < before):
                return None
        return True


class TestRunCutOff:
    async def kill_all(self, place: Place, run_id: str) -> None:
        """Kill the runner of a run, its keeper and its process, all at once."""
        engine = await place.engine()
        job = await engine.get(API, run_id)
        runner = locks.holder(f"{engine.directory(run_id)}/{layout.LOCK}")
        assert runner is not None
        stat = clocks.read_stat(runner)
        assert stat is not None
        assert job.pid is not None
        for pid in (int(stat[1]), runner, job.pid):
            os.kill(pid, signal.SIGKILL)

    async def test_ends_as_a_failure(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["sleep", "60"]})
        run = await scheduled.backend.run_now("a")
        await scheduled.until("a", "run")
        await self.kill_all(scheduled, run["run_id"])
        await scheduled.until("a", "fail")
        ended = await scheduled.until_over(run["run_id"])
        assert (ended["action"], ended["cause"]) == ("fail", "lost")
        assert "cut off" in ended["exc_text"]

    async def test_together_with_the_scheduler(self, scheduled: Place) -> None:
        await scheduled.backend.create("a", {"command": ["sleep", "60"]})
        run = await scheduled.backend.run_now("a")
        await scheduled.until("a", "run")
        scheduled.schedulers[0].kill()
        await self.kill_all(scheduled, run["run_id"])
        await scheduled.schedule()
        await scheduled.until("a", "fail")
        assert await scheduled.actions("a") == ["run", "fail"]
