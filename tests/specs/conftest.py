"""The documents as they are served."""

import pytest

from opsgate import spec
from opsgate.apis import APIS


@pytest.fixture(params=list(APIS))
def api(request: pytest.FixtureRequest) -> str:
    """Each API in turn."""
    name: str = request.param
    return name


@pytest.fixture
def document(api: str) -> spec.Document:
    """The API's document."""
    return spec.load(api)
