"""One live Hoplite API with the test plugins, for all tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engines.hoplite import Hoplite, install


@pytest.fixture(scope="session")
def hoplite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hoplite]:
    """The API on two workers."""
    directory = tmp_path_factory.mktemp("hoplite")
    settings = {"OPSGATE_HOPLITE_BUILTIN_PLUGINS": "command", "OPSGATE_JOBS_CORES": "20", "OPSGATE_HOPLITE_GRACE": "1"}
    with Hoplite(directory, settings) as running:
        install(running.site)
        yield running
