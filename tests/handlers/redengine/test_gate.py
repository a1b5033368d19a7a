"""The document's two methods to override."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from opsgate import spec, tokens
from opsgate.apis import redengine
from opsgate.app import assemble
from opsgate.config import ConfigError
from opsgate.redengine.gate import Request
from opsgate.settings import Settings
from tests.compiled.asgi import Answer, send
from tests.compiled.asgi import Request as Sent
from tests.handlers.redengine.fake import Port

pytestmark = pytest.mark.anyio


@pytest.fixture
def hooks() -> Iterator[Any]:
    """A module of the user's."""
    module: Any = ModuleType("hooks_of_the_test")
    module.told, module.says = [], None

    async def authenticate(request: Request) -> object:
        module.told.append(request)
        if isinstance(module.says, Exception):
            raise module.says
        return module.says

    module.authenticate = authenticate
    module.store_request = module.told.append
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


class Service:
    """The whole service with some settings."""

    def __init__(self, server: dict[str, str] | None = None, **chosen: str) -> None:
        self.port: Any = Port()
        settings = msgspec.convert({"server": server or {}, "redengine": chosen}, Settings)
        self._app = assemble(settings, [(redengine.API, spec.load("redengine"), self.port)])

    async def __call__(
        self, method: str, target: str, body: bytes | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> Answer:
        return await send(self._app, Sent(method, f"/redengine{target}", headers, body))


class TestAuthenticate:
    @pytest.mark.parametrize(
        ("says", "status", "message"),
        [
            (None, 200, ""),
            (True, 200, ""),
            (False, 401, "This request is not authenticated"),
            (PermissionError("Not on Sundays"), 403, "Not on Sundays"),
            (KeyError("oops"), 500, "Internal error; see the server's log"),
        ],
    )
    async def test_decides(self, hooks: Any, says: object, status: int, message: str) -> None:
        hooks.says = says
        service = Service(authenticate="hooks_of_the_test:authenticate")
        answer = await service("GET", "/tasks?name=a", headers=(("x-who", "me"),))
        assert (answer.status, answer.message, bool(service.port.asked)) == (status, message, status == 200)
        (told,) = hooks.told
        assert (told.method, told.path, told.query, told.client) == ("GET", "/tasks", "name=a", "127.0.0.1")
        assert told.headers["x-who"] == "me"

    async def test_that_is_none_stops_the_start(self) -> None:
        for name in ("no_such_module:f", "hooks", "os:no_such_function", ":f"):
            with pytest.raises(ConfigError, match=f"redengine.authenticate: '{name}' is no module:function"):
                Service(authenticate=name)


class TestTokens:
    """A service that asks for tokens lets those in whom the hook lets in; nobody passes whom it refuses."""

    @pytest.mark.parametrize(
        ("says", "shown", "status"),
        [(True, False, 200), (None, False, 200), (False, False, 401), (False, True, 401), (True, True, 200)],
    )
    async def test_beside_the_hook(self, hooks: Any, tmp_path: Path, says: object, shown: bool, status: int) -> None:
        file = tmp_path / "tokens.json"
        token = tokens.create(file, "test")
        hooks.says = says
        service = Service({"tokens_file": str(file)}, authenticate="hooks_of_the_test:authenticate")
        headers = (("authorization", f"Bearer {token}"),) if shown else ()
        assert (await service("GET", "/tasks", headers=headers)).status == status

    async def test_without_the_hook(self, tmp_path: Path) -> None:
        file = tmp_path / "tokens.json"
        token = tokens.create(file, "test", scopes=["redengine:read"])
        service = Service({"tokens_file": str(file)})
        headers = (("authorization", f"Bearer {token}"),)
        assert (await service("GET", "/tasks")).status == 401
        assert (await service("GET", "/tasks", headers=headers)).status == 200
        refused = await service("DELETE", "/tasks/a", headers=headers)
        assert (refused.status, refused.json["title"]) == (403, "Forbidden")


class TestStoreRequest:
    async def test_is_told_of_changes(self, hooks: Any) -> None:
        service = Service(store_request="hooks_of_the_test:store_request")
        form = (("content-type", "application/x-www-form-urlencoded"),)
        await service("POST", "/tasks/a", b'{"code": "1"}', form)
        await service("POST", "/tasks/a", b"{", form)
        await service("GET", "/tasks")
        await service("DELETE", "/tasks/a")
        told = [(request.method, request.path, request.body) for request in hooks.told]
        assert told == [("POST", "/tasks/a", b'{"code": "1"}'), ("DELETE", "/tasks/a", b"")]

    async def test_cannot_take_an_answer_back(self, hooks: Any, caplog: pytest.LogCaptureFixture) -> None:
        hooks.store_request = lambda _request: 1 / 0
        answer = await Service(store_request="hooks_of_the_test:store_request")("DELETE", "/tasks/a")
        assert (answer.status, answer.body) == (200, b"null")
        assert "redengine.store_request failed with DELETE /tasks/a" in caplog.text
