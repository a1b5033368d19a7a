import pytest

from opsgate.backends.errors import NotFound
from opsgate.backends.supvisors.port import SupvisorsBackend
from tests.engines.outcomes import failure

pytestmark = pytest.mark.anyio


class TestListMethods:
    async def test_names_of_all_namespaces_sorted(self, backend: SupvisorsBackend) -> None:
        methods = await backend.system.list_methods()
        assert methods == sorted(methods)
        assert {"supervisor.startProcess", "supvisors.start_process", "system.listMethods"} < set(methods)


class TestMethodHelp:
    async def test_documentation(self, backend: SupvisorsBackend) -> None:
        assert (await backend.system.method_help("supervisor.getPID")).split("\n")[0].strip() == (
            "Return the PID of supervisord"
        )

    async def test_unknown_method(self, backend: SupvisorsBackend) -> None:
        assert await failure(backend.system.method_help("supervisor.nope")) == (NotFound, "SIGNATURE_UNSUPPORTED", 4)


class TestMethodSignature:
    async def test_result_then_parameters(self, backend: SupvisorsBackend) -> None:
        signature = await backend.system.method_signature("supvisors.start_any_process")
        assert signature == ["str", "StartingStrategies", "str", "str", "bool"]

    async def test_unknown_method(self, backend: SupvisorsBackend) -> None:
        assert await failure(backend.system.method_signature("x")) == (NotFound, "SIGNATURE_UNSUPPORTED", 4)
