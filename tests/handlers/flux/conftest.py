"""The Flux API over an engine that runs nothing, with checked answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from opsgate import spec
from opsgate.apis import APIS
from opsgate.app import assemble
from opsgate.config import Server, Settings
from opsgate.flux.service import FluxService
from tests.engines.flux_double import FluxDouble, service

CHECKED = Settings(server=Server(validate_responses=True))


def app_client(backend: FluxService) -> httpx.AsyncClient:
    """A client of the API at `/flux`, in this process."""
    app = assemble(CHECKED, [(APIS["flux"], spec.load("flux"), backend)])
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1/flux")


@pytest.fixture
def engine() -> FluxDouble:
    """What is behind the API."""
    return FluxDouble()


@pytest.fixture
async def client(engine: FluxDouble) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever asks it."""
    async with app_client(service(engine)) as made:
        yield made
