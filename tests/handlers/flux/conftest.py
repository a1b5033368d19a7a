"""The Flux API over an engine that runs nothing, with checked answers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import ASGIApp

from opsgate import spec
from opsgate.apis import APIS
from opsgate.app import assemble
from opsgate.flux.service import FluxService
from opsgate.settings import Server, Settings
from tests.engines.flux_double import FluxDouble, service

CHECKED = Settings(server=Server(validate_responses=True, max_failed_logins=0))


def app(backend: FluxService) -> ASGIApp:
    """The API at `/flux`."""
    return assemble(CHECKED, [(APIS["flux"], spec.load("flux"), backend)])


def app_client(made: ASGIApp | FluxService) -> httpx.AsyncClient:
    """A client of it, in this process."""
    transport = httpx.ASGITransport(app(made) if isinstance(made, FluxService) else made)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/flux")


@pytest.fixture(scope="session")
def shared() -> FluxDouble:
    """One engine for all tests: putting the API together takes longer than a test."""
    return FluxDouble()


@pytest.fixture(scope="session")
def open_app(shared: FluxDouble) -> ASGIApp:
    """The API that asks for nothing."""
    return app(service(shared))


@pytest.fixture(scope="session")
def guarded_app(shared: FluxDouble) -> ASGIApp:
    """The API that asks for credentials."""
    return app(service(shared, auth=True))


@pytest.fixture
def engine(shared: FluxDouble) -> FluxDouble:
    """What is behind both, as at the beginning."""
    shared.clear()
    return shared


@pytest.fixture
async def client(engine: FluxDouble, open_app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ARG001 - as new
    """Whoever asks it."""
    async with app_client(open_app) as made:
        yield made


@pytest.fixture
async def guarded(engine: FluxDouble, guarded_app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ARG001 - as new
    """Whoever asks it where credentials are needed."""
    async with app_client(guarded_app) as made:
        yield made
