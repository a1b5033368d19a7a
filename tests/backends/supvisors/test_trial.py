import asyncio

import psutil
import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.supvisors.trial import Trial

pytestmark = pytest.mark.anyio

NAMES = [f"my_movies:converter_{number:02}" for number in range(100)]
ENDLESS = "(.+)+(.+)+(.+)+(.+)+(.+)+(.+)+X"


def children() -> set[int]:
    """The processes that this one has started."""
    return {child.pid for child in psutil.Process().children()}


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both event loops: they differ in how connections and processes end."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


class TestCheck:
    @pytest.mark.parametrize("regex", ["", ".*", "my_movies:converter_0[12]", "^(my|your)_.*_\\d+$", "\u00e9"])
    async def test_usual_expressions(self, regex: str) -> None:
        await Trial().check(regex, NAMES)

    async def test_one_without_end_is_refused(self) -> None:
        with pytest.raises(Invalid, match="takes too long"):
            await Trial().check(ENDLESS, NAMES)

    async def test_a_caller_who_leaves_leaves_no_process(self) -> None:
        trial, before = Trial(), children()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await trial.check(ENDLESS, NAMES)
        assert children() <= before
        await asyncio.gather(*(trial.check("a", NAMES) for _ in range(4)))
