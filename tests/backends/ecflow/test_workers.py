"""Several workers in front of one server: each shows at once what was done through another."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from opsgate.backends.ecflow.address import Address
from opsgate.backends.ecflow.barrier import OwnBarrier, SharedBarrier
from opsgate.backends.ecflow.engine import connect
from opsgate.backends.ecflow.limits import Limits
from opsgate.backends.ecflow.locks import StructureLock
from opsgate.backends.ecflow.port import Action, Attribute, EcflowBackend, TreeView, User
from opsgate.backends.errors import Away, EngineError, Timeout, Unavailable
from tests.backends.ecflow.polling import until
from tests.engines.ecflow_server import EcflowServer

pytestmark = pytest.mark.anyio

CLIENTS = 8
LONG = Limits(age=60, polling_interval=60)
"""So seldom do they look that only the shared mark can make them."""


@pytest.fixture
async def workers(server: EcflowServer, tmp_path: Path) -> AsyncIterator[list[EcflowBackend]]:
    where = Address("127.0.0.1", server.port)
    made = [connect(where, user=User("tester"), shared=tmp_path / "shared", limits=LONG) for _ in range(2)]
    yield made
    for worker in made:
        await worker.aclose()


async def variable(backend: EcflowBackend, path: str, name: str) -> str | None:
    shown = orjson.loads((await backend.attributes.attributes(path)).body)
    return next((one["value"] for one in shown["variables"] if one["name"] == name), None)


class TestOwnWrites:
    async def test_show_on_every_worker(self, workers: list[EcflowBackend], suite: str) -> None:
        path, chance = f"/{suite}/f/t", random.Random(1)  # noqa: S311 - of tests
        for worker in workers:
            await worker.suites.suites()

        async def client(number: int) -> None:
            name = f"V{number}"
            for value in range(12):
                await chance.choice(workers).attributes.add_attribute(path, Attribute("variable", name, value))
                assert await variable(chance.choice(workers), path, name) == str(value)

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
        for worker in workers:
            assert [await variable(worker, path, f"V{number}") for number in range(CLIENTS)] == ["11"] * CLIENTS

    async def test_of_structure_are_all_kept(self, workers: list[EcflowBackend], suite: str) -> None:
        path = f"/{suite}/f/t"

        async def client(number: int) -> None:
            for step in range(3):
                worker = workers[(number + step) % 2]
                meter = Attribute("meter", f"m{number}_{step}", step, minimum=0, maximum=9)
                await worker.attributes.add_attribute(path, meter)
                shown = orjson.loads((await workers[number % 2].attributes.attributes(path)).body)
                assert meter.name in [one["name"] for one in shown["meters"]]

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
        shown = orjson.loads((await workers[0].attributes.attributes(path)).body)
        assert {one["name"]: one["value"] for one in shown["meters"]} == {
            f"m{number}_{step}": step for number in range(CLIENTS) for step in range(3)
        }

    async def test_of_children_are_all_kept(self, workers: list[EcflowBackend], suite: str) -> None:
        names = [f"c{number}" for number in range(CLIENTS)]
        await asyncio.gather(
            *(
                workers[number % 2].nodes.put_child(f"/{suite}/f", f"task {name}\n  trigger t == complete")
                for number, name in enumerate(names)
            )
        )
        for worker in workers:
            tree = orjson.loads((await worker.nodes.tree(f"/{suite}/f")).body)
            assert sorted(tree["f"]) == sorted([*names, "t", "u"])

    async def test_of_one_suite_by_many_make_one(self, workers: list[EcflowBackend], suite: str) -> None:
        outcomes = await asyncio.gather(
            *(workers[number % 2].suites.create_suites(f"suite {suite}n\nendsuite") for number in range(CLIENTS)),
            return_exceptions=True,
        )
        assert [outcome for outcome in outcomes if isinstance(outcome, list)] == [[f"{suite}n"]]
        assert {type(outcome).__name__ for outcome in outcomes} == {"list", "Conflict"}
        await workers[0].nodes.delete(f"/{suite}n")


class TestOthersWrites:
    async def test_show_within_the_age(self, server: EcflowServer, suite: str, tmp_path: Path) -> None:
        limits = Limits(age=0.1)
        worker = connect(Address("127.0.0.1", server.port), user=User("tester"), shared=tmp_path, limits=limits)
        await worker.suites.suites()
        server.command("PathsCmd", api_=1, paths_=[f"/{suite}/f"], force_=False)
        await asyncio.sleep(0.1)
        assert b'"display":"suspended"' in await full(worker, suite)
        await worker.aclose()

    async def test_show_at_once_where_nothing_is_shared(
        self, backend: EcflowBackend, server: EcflowServer, suite: str
    ) -> None:
        for number in (1, 2) * 10:
            server.command("PathsCmd", api_=number, paths_=[f"/{suite}/f"], force_=False)
            assert (b'"display":"suspended"' in await full(backend, suite)) == (number == 1)

    async def test_show_in_the_status_at_once(
        self, workers: list[EcflowBackend], server: EcflowServer, suite: str
    ) -> None:
        await workers[0].suites.suites()
        server.command("PathsCmd", api_=1, paths_=[f"/{suite}/f"], force_=False)
        assert (await workers[0].status.status(f"/{suite}/f")).status == "suspended"

    async def test_show_while_nobody_reads(self, server: EcflowServer, suite: str) -> None:
        limits = Limits(age=60, polling_interval=0.05, max_polling_interval=0)
        worker = connect(Address("127.0.0.1", server.port), user=User("tester"), limits=limits)
        first = await worker.suites.suites()
        server.command("PathsCmd", api_=1, paths_=[f"/{suite}/f"], force_=False)
        mirror = worker._mirror  # type: ignore[attr-defined]  # what it knows without being asked
        await until(lambda: mirror.latest.change != first.change)
        await worker.aclose()


async def full(backend: EcflowBackend, suite: str) -> bytes:
    return (await backend.nodes.tree(f"/{suite}", TreeView("full"))).body


class TestReads:
    async def test_that_come_together_ask_once(
        self, workers: list[EcflowBackend], server: EcflowServer, suite: str
    ) -> None:
        worker = workers[0]
        await worker.suites.suites()
        await worker.status.act(f"/{suite}/f", Action("suspend"))
        before = server.log.count("--sync")
        await asyncio.gather(*(worker.nodes.tree(f"/{suite}") for _ in range(50)))
        assert server.log.count("--sync") - before <= 2

    async def test_of_what_is_known_ask_nobody(
        self, workers: list[EcflowBackend], server: EcflowServer, suite: str
    ) -> None:
        worker = workers[0]
        await worker.suites.suites()
        before = server.log.count("--sync")
        for _ in range(100):
            await worker.nodes.tree(f"/{suite}")
        assert server.log.count("--sync") == before


class TestBarriers:
    def test_differ_after_each_mark(self, tmp_path: Path) -> None:
        one, other = SharedBarrier(tmp_path / "x"), SharedBarrier(tmp_path / "x")
        seen = {one.value()}
        for barrier in (one, other) * 3:
            barrier.mark()
            assert one.value() == other.value()
            assert one.value() not in seen
            seen.add(one.value())
        own = OwnBarrier()
        before = own.value()
        own.mark()
        assert own.value() != before

    async def test_are_seen_by_other_processes(self, tmp_path: Path) -> None:
        barrier = SharedBarrier(tmp_path)
        before = barrier.value()
        program = (
            "import sys; from pathlib import Path\n"
            "from opsgate.backends.ecflow.barrier import SharedBarrier\nSharedBarrier(Path(sys.argv[1])).mark()"
        )
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, str(tmp_path))
        assert await process.wait() == 0
        assert barrier.value() != before

    def test_are_nobody_elses(self, tmp_path: Path) -> None:
        SharedBarrier(tmp_path / "x")
        assert (tmp_path / "x").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "x" / "changes").stat().st_mode & 0o777 == 0o600
        (tmp_path / "y").mkdir()
        (tmp_path / "y" / "changes").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OSError, match="symbolic links"):
            SharedBarrier(tmp_path / "y")


class TestLocks:
    async def test_keep_others_out(self, tmp_path: Path) -> None:
        one, other = StructureLock(tmp_path, 5), StructureLock(tmp_path, 5)
        inside: list[int] = []

        async def enter(lock: StructureLock) -> None:
            async with lock.held():
                inside.append(1)
                assert len(inside) == 1
                await asyncio.sleep(0.005)
                inside.pop()

        await asyncio.gather(*(enter(lock) for lock in (one, other) * 5))

    async def test_are_shared_unless_somebody_is_alone(self, tmp_path: Path) -> None:
        locks = [StructureLock(tmp_path, 20), StructureLock(tmp_path, 20)]
        sharing, most, alone = 0, 0, 0

        async def share(lock: StructureLock) -> None:
            nonlocal sharing, most
            for _ in range(20):
                async with lock.shared():
                    sharing += 1
                    most = max(most, sharing)
                    assert not alone
                    await asyncio.sleep(0.002)
                    sharing -= 1

        async def hold(lock: StructureLock) -> None:
            nonlocal alone
            async with lock.held():  # comes to it although there is always somebody who shares it
                alone += 1
                assert (alone, sharing) == (1, 0)
                await asyncio.sleep(0.002)
                alone -= 1

        await asyncio.gather(*(share(lock) for lock in locks * 3), *(hold(lock) for lock in locks * 2))
        assert most > 1

    @pytest.mark.parametrize(("failure", "message"), [(Away, "went away"), (Timeout, "did not answer")])
    async def test_wait_once_for_a_server_that_is_away(
        self, failure: type[EngineError], message: str, tmp_path: Path
    ) -> None:
        lock, entered = StructureLock(tmp_path, 20), asyncio.Event()

        async def enter() -> None:
            async with lock.held():
                entered.set()
                await asyncio.sleep(0.01)
                raise failure("first")

        first = asyncio.create_task(enter())
        await entered.wait()
        others = await asyncio.gather(*(enter() for _ in range(5)), return_exceptions=True)
        with pytest.raises(failure, match="first"):
            await first
        assert {type(other) for other in others} == {failure}
        assert {str(other) for other in others} == {
            f"ecflow_server {message} while others changed the suites: nothing was sent"
        }
        async with lock.held():  # whoever comes later tries it
            pass

    async def test_end_in_time(self, tmp_path: Path) -> None:
        one, other = StructureLock(tmp_path, 0.1), StructureLock(tmp_path, 0.1)
        async with one.held():
            for lock in (one, other):
                for way in (lock.held, lock.shared):
                    with pytest.raises(Unavailable, match="others have been changing"):
                        async with way():
                            pass
        async with one.shared():
            for lock in (one, other):
                with pytest.raises(Unavailable, match="others have been changing"):
                    async with lock.held():
                        pass
        async with other.held():
            pass
