"""The end of the service: after the answer, and whatever becomes of the engine."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from opsgate.backends.errors import Away, Denied, EngineError
from opsgate.flux import stopping
from opsgate.flux.stopping import Stopping
from tests.engines.outcomes import until

pytestmark = pytest.mark.anyio


class Engine:
    """Notes when it is ended, and may fail or never come to an end."""

    def __init__(self, told: list[str], failure: EngineError | None = None, *, hangs: bool = False) -> None:
        self._told = told
        self._failure = failure
        self._hangs = hangs

    async def stop(self) -> None:
        self._told.append("engine")
        if self._hangs:
            await asyncio.Event().wait()
        if self._failure is not None:
            raise self._failure


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened, in order; no process is really ended."""
    happened: list[str] = []
    monkeypatch.setattr(stopping, "_PAUSE", 0.01)
    monkeypatch.setattr(stopping, "_PATIENCE", 0.1)
    monkeypatch.setattr(os, "kill", lambda pid, number: happened.append(f"{pid} {signal.Signals(number).name}"))
    return happened


async def ended(told: list[str]) -> list[str]:
    async def is_over() -> bool:
        return bool(told) and "SIG" in told[-1]

    await until(is_over, True)
    return told


class TestStopping:
    async def test_first_the_engine_then_the_master(self, told: list[str]) -> None:
        end = Stopping(Engine(told), allowed=True)
        await end.stop()
        assert told == []
        await end.stop()
        assert await ended(told) == ["engine", f"{os.getpid()} SIGTERM"]

    @pytest.mark.parametrize(("failure", "hangs"), [(Away("gone"), False), (None, True)])
    async def test_the_service_ends_whatever_the_engine_does(
        self, told: list[str], failure: EngineError | None, hangs: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        await Stopping(Engine(told, failure, hangs=hangs), allowed=True).stop()
        assert await ended(told) == ["engine", f"{os.getpid()} SIGTERM"]
        assert "the engine could not be stopped" in caplog.text

    async def test_is_not_allowed(self, told: list[str]) -> None:
        with pytest.raises(Denied, match=r"\[flux\] stop"):
            await Stopping(Engine(told), allowed=False).stop()
        assert told == []
