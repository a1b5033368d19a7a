"""Clocks of a known place."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time zone of a test's module, `ZONE`."""
    monkeypatch.setenv("TZ", getattr(request.module, "ZONE", "UTC"))
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
