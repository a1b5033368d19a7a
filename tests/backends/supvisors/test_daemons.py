"""Other daemons than the usual one: plain, with credentials, without a socket file, starting, away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from opsgate.backends.errors import Broken, Conflict, EngineError, Timeout, Unavailable, Unsupported
from opsgate.backends.supvisors.engine import connect
from opsgate.backends.supvisors.limits import Limits
from opsgate.backends.supvisors.port import SupvisorsBackend
from tests.engines.outcomes import failure, until
from tests.engines.supervisord import PROGRAMS, Supervisord, running

pytestmark = pytest.mark.anyio

USER, PASSWORD = "jo", "s3 cr:et/%@\u00e9"
FEW = PROGRAMS / "few.conf"


@asynccontextmanager
async def connected(url: str, user: str | None = None, password: str | None = None) -> AsyncIterator[SupvisorsBackend]:
    backend = connect(url, username=user, password=password)
    try:
        yield backend
    finally:
        await backend.aclose()


class TestReady:
    async def test_with_supvisors(self, backend: SupvisorsBackend) -> None:
        assert await backend.ready() == {
            "engine": "supervisord",
            "version": "4.3.0",
            "identifier": "supv-01",
            "state": "RUNNING",
            "supvisors": {"version": "0.19.1", "state": "OPERATION"},
        }


class TestPlainSupervisor:
    async def test_is_ready(self, plain_backend: SupvisorsBackend) -> None:
        assert await plain_backend.ready() == {
            "engine": "supervisord",
            "version": "4.3.0",
            "identifier": "supv-01",
            "state": "RUNNING",
            "supvisors": None,
        }

    async def test_its_own_methods_work(self, plain_backend: SupvisorsBackend) -> None:
        assert "supervisor.getState" in await plain_backend.system.list_methods()
        assert len(await plain_backend.supervisor.get_all_process_info()) == 2

    async def test_those_of_supvisors_do_not(self, plain_backend: SupvisorsBackend) -> None:
        supvisors = plain_backend.supvisors
        for call in (
            supvisors.get_supvisors_state(),
            supvisors.start_process("CONFIG", "x"),
            supvisors.start_any_process("CONFIG", "x"),
            supvisors.update_numprocs("x", 1),
        ):
            assert await failure(call) == (Unsupported, "UNKNOWN_METHOD", 1)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisord]:
    """A supervisord with Supvisors that asks for credentials."""
    daemon = Supervisord(
        tmp_path_factory.mktemp("c"), programs=FEW, credentials=(USER, PASSWORD), supvisors={}, psutil=False
    )
    with running(daemon):
        yield daemon


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisord]:
    """A plain supervisord with many processes, of which two have a name that is not ASCII."""
    daemon = Supervisord(tmp_path_factory.mktemp("m"), programs=PROGRAMS / "crowd.conf")
    with running(daemon):
        yield daemon


class TestCredentials:
    async def test_in_the_url(self, guarded: Supervisord) -> None:
        async with connected(guarded.with_credentials(USER, PASSWORD)) as backend:
            assert await backend.supervisor.get_pid() == guarded.pid
            assert await backend.supervisor.start_process("sleeper:sleeper_0", wait=False) is True

    async def test_beside_the_url(self, guarded: Supervisord) -> None:
        for url in (guarded.url, guarded.http_url):
            async with connected(url, USER, PASSWORD) as backend:
                assert await backend.supervisor.get_pid() == guarded.pid

    async def test_supvisors_works_within(self, guarded: Supervisord) -> None:
        async with connected(guarded.url, USER, PASSWORD) as backend:
            assert await backend.supvisors.start_process("CONFIG", "sleeper:sleeper_1", wait=False) is True

    async def test_wrong_or_missing(self, guarded: Supervisord) -> None:
        for url in (guarded.with_credentials(USER, "wrong"), guarded.http_url):
            async with connected(url) as backend:
                message = f"supervisord at {guarded.http_url} refused our credentials"
                assert await failure(backend.supervisor.get_state()) == (Broken, message, None)
                assert await failure(backend.supervisor.start_process("x")) == (Broken, message, None)
                assert await failure(backend.ready()) == (Broken, message, None)


class TestLongAnswers:
    async def test_over_tcp_do_not_stall(self, crowd: Supervisord) -> None:
        async with connected(crowd.http_url) as over_tcp, connected(crowd.url) as over_socket_file:
            longer = sorted([await seconds(over_tcp) - await seconds(over_socket_file) for _ in range(21)])
        # 120 kB in many pieces: the first delayed acknowledgement would cost 40 ms
        assert longer[10] < 0.02


async def seconds(backend: SupvisorsBackend) -> float:
    """How long a long answer takes."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert len(await backend.supervisor.get_all_process_info()) == 102
    return loop.time() - begun


class TestDeferredAnswers:
    async def test_with_names_that_are_not_ascii(self, crowd: Supervisord) -> None:
        everyone = [
            {"name": f"caf\u00e9_{number}", "group": "caf", "status": 80, "description": "OK"} for number in range(2)
        ]
        async with connected(crowd.url) as backend:
            assert await backend.supervisor.start_process_group("caf") == everyone
            assert await backend.supervisor.signal_process_group("caf", "CONT") == everyone
            assert await backend.supervisor.stop_process("caf:*", wait=False) == everyone


class TestWaiting:
    async def test_a_hundred_callers_delay_nobody(self, crowd: Supervisord) -> None:
        async with connected(crowd.url) as backend:
            start = backend.supervisor.start_process
            waiting = asyncio.gather(*(start(f"crowd:{number}") for number in range(100)))
            while "STOPPED" in await crowd_states(backend):
                pass  # until supervisord has begun to start them all, which keeps it busy itself
            assert await longest_read(backend, waiting) < 1
            assert await waiting == [True] * 100
            assert await crowd_states(backend) == {"RUNNING"}


async def crowd_states(backend: SupvisorsBackend) -> set[str]:
    """The states of the crowd."""
    processes = await backend.supervisor.get_all_process_info()
    return {process["statename"] for process in processes if process["group"] == "crowd"}


async def longest_read(backend: SupvisorsBackend, during: asyncio.Future[list[Any]]) -> float:
    """Read while others wait; return how long the slowest took."""
    loop = asyncio.get_running_loop()
    longest = 0.0
    reads = 0
    while not during.done():
        begun = loop.time()
        await backend.supervisor.get_state()
        longest = max(longest, loop.time() - begun)
        reads += 1
        await asyncio.sleep(0.02)
    assert reads
    return longest


class TestStarting:
    async def test_until_it_works(self, tmp_path: Path) -> None:
        daemon = Supervisord(tmp_path, programs=FEW, supvisors={}, psutil=False)
        try:
            await asyncio.to_thread(daemon.start)
            async with connected(daemon.url) as backend:
                with pytest.raises(Conflict, match="BAD_SUPVISORS_STATE: invalid Supvisors state=") as caught:
                    await backend.supvisors.start_process("CONFIG", "sleeper:sleeper_0")
                assert caught.value.retry_after == 5
                with pytest.raises(Unavailable, match="Supvisors is in state") as away:
                    await backend.ready()
                assert away.value.retry_after == 5
                await until(lambda: is_ready(backend), expected=True)
        finally:
            daemon.kill()


async def is_ready(backend: SupvisorsBackend) -> bool:
    try:
        await backend.ready()
    except Unavailable:
        return False
    return True


class TestAway:
    async def test_killed_and_started_again_under_reads(self, plain: Supervisord) -> None:
        outcomes: list[object] = []
        stop = asyncio.Event()

        async def read_on(backend: SupvisorsBackend, number: int) -> None:
            reads = (backend.supervisor.get_all_process_info, backend.supervisor.get_state, backend.ready)
            while not stop.is_set():
                try:
                    await reads[number % 3]()
                    outcomes.append("answered")
                except EngineError as error:
                    outcomes.append((type(error), error.retry_after))
                await asyncio.sleep(0.005)

        async with connected(plain.url) as backend:
            readers = [asyncio.ensure_future(read_on(backend, number)) for number in range(12)]
            await asyncio.sleep(0.3)
            for _ in range(2):
                await asyncio.to_thread(plain.kill)
                await asyncio.sleep(0.1)
                await asyncio.to_thread(plain.start)
                await asyncio.sleep(0.2)
            stop.set()
            await asyncio.gather(*readers)
            assert set(outcomes) == {"answered", (Unavailable, 2)}
            assert await backend.supervisor.get_pid() == plain.pid

    async def test_killed_during_an_action(self, plain: Supervisord) -> None:
        async with connected(plain.url) as backend:
            start = asyncio.ensure_future(failure(backend.supervisor.start_process("sleeper:sleeper_0")))
            await until(lambda: statename(backend), "STARTING")
            await asyncio.to_thread(plain.kill)
            message = f"supervisord at {plain.url} went away during supervisor.startProcess"
            assert await start == (Unavailable, f"{message}: whether it took effect is unknown", None)
            await asyncio.to_thread(plain.start)
            assert await backend.supervisor.get_pid() == plain.pid

    async def test_frozen(self, plain: Supervisord) -> None:
        backend = connect(plain.url, limits=Limits(short=1.0, long=1.2))
        await backend.supervisor.get_state()
        plain.freeze()
        try:
            for call in (backend.supervisor.get_state(), backend.supervisor.start_process("sleeper:sleeper_1")):
                assert (await failure(call))[0] is Timeout
        finally:
            plain.thaw()
        assert await backend.supervisor.get_state() == {"statecode": 1, "statename": "RUNNING"}
        await backend.aclose()


async def statename(backend: SupvisorsBackend) -> object:
    return (await backend.supervisor.get_process_info("sleeper:sleeper_0"))["statename"]


class TestReadYourWrites:
    async def test_a_read_after_a_write_sees_it(self, plain_backend: SupvisorsBackend) -> None:
        supervisor = plain_backend.supervisor
        busy = [asyncio.ensure_future(reading(plain_backend)) for _ in range(8)]
        for _ in range(5):
            await supervisor.start_process("sleeper:sleeper_0", wait=False)
            assert (await supervisor.get_process_info("sleeper:sleeper_0"))["statename"] in {"STARTING", "RUNNING"}
            await supervisor.stop_process("sleeper:sleeper_0", wait=False)
            assert (await supervisor.get_process_info("sleeper:sleeper_0"))["statename"] in {"STOPPING", "STOPPED"}
            await until(lambda: statename(plain_backend), "STOPPED")
        for one in busy:
            one.cancel()
        await asyncio.wait(busy)


async def reading(backend: SupvisorsBackend) -> None:
    while True:
        await backend.supervisor.get_process_info("sleeper:sleeper_0")
