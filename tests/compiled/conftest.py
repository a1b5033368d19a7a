"""The sample, with the fast path and checked answers."""

import pytest
from starlette.types import ASGIApp

import opsgate  # noqa: F401 - silences what Connexion's import, which comes next, warns of
from tests.compiled import sample


@pytest.fixture(scope="session")
def stock_app() -> ASGIApp:
    """The same without the fast path."""
    made: ASGIApp = sample.connexion_app(fast=False)
    return made


@pytest.fixture(scope="session")
def app() -> ASGIApp:
    """It keeps nothing between requests."""
    made: ASGIApp = sample.connexion_app()
    return made
