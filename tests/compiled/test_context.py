"""Security, and Connexion's request context."""

from __future__ import annotations

from typing import Any

import pytest
from connexion.context import context, operation, request, scope
from starlette.types import ASGIApp

from tests.compiled import sample
from tests.compiled.asgi import ask

pytestmark = pytest.mark.anyio


class TestSecurity:
    @pytest.mark.parametrize("credentials", ["Basic bWU6cmlnaHQ=", "basic bWU6cmlnaHQ="])
    async def test_good_credentials_name_the_user(self, app: ASGIApp, credentials: str) -> None:
        answer = await ask(app, "GET", "/sample/secret", Authorization=credentials)
        assert (answer.status, answer.json) == (200, {"user": "me", "agent": "test"})

    async def test_any_of_several_will_do(self, app: ASGIApp) -> None:
        answer = await ask(app, "GET", "/sample/secret?key=right")
        assert (answer.status, answer.json["user"]) == (200, "holder of right")

    @pytest.mark.parametrize("credentials", ["Basic bWU6d3Jvbmc=", "Bearer x", ""])
    async def test_bad_credentials(self, app: ASGIApp, credentials: str) -> None:
        answer = await ask(app, "GET", "/sample/secret", Authorization=credentials)
        assert answer.status == 401
        assert list(answer.json) == ["message"]

    async def test_comes_before_parameters_and_after_methods(self) -> None:
        assert (await ask(sample.connexion_app(), "POST", "/sample/secret")).status == 405


class TestContext:
    async def test_is_there_for_every_handler(self) -> None:
        async def ping() -> list[Any]:
            return [dict(context), operation.operation_id, request.method, request.headers["x-a"], scope["path"]]

        answer = await ask(sample.connexion_app(handlers={"ping": ping}), "GET", "/sample/ping", X_A="b")
        assert answer.json == [{}, "ping", "GET", "b", "/sample/ping"]

    async def test_is_an_argument_for_handlers_that_take_it(self) -> None:
        async def get_secret(context_: dict[str, Any], token_info: dict[str, Any]) -> list[Any]:
            return [context_["user"], token_info]

        app = sample.connexion_app(handlers={"get_secret": get_secret})
        assert (await ask(app, "GET", "/sample/secret?key=right")).json == [
            "holder of right",
            {"sub": "holder of right"},
        ]

    async def test_is_among_the_arguments_of_handlers_that_take_any(self) -> None:
        async def get_secret(**everything: Any) -> dict[str, Any]:
            return everything

        app = sample.connexion_app(handlers={"get_secret": get_secret})
        answer = await ask(app, "GET", "/sample/secret?key=right")
        assert answer.json == {"user": "holder of right", "token_info": {"sub": "holder of right"}}
