"""What is left to Connexion's own stack, and that stack."""

from __future__ import annotations

from typing import Any

import pytest
from connexion import AsyncApp
from connexion.options import SwaggerUIOptions
from starlette.types import ASGIApp

from opsgate.binding import HandlerResolver
from opsgate.compiled import stock
from opsgate.compiled.compiler import CompileError
from opsgate.compiled.middleware import CompiledRoutes
from opsgate.problems import Problems
from opsgate.spec import SpecError
from tests.compiled import sample
from tests.compiled.asgi import ask

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"


class TestLeftOperations:
    def test_are_these(self) -> None:
        assert sample.connexion_app().middleware.app.left == [
            ("POST /sample/form", f"a body that is not JSON: {FORM}"),
            ("GET /sample/cookie", "'taste' is a cookie parameter"),
            ("GET /sample/deep", "'where' is an object as a parameter"),
        ]

    def test_of_handlers_that_are_not_async(self) -> None:
        app = sample.connexion_app(handlers={"ping": lambda: "pong"})
        assert ("GET /sample/ping", "the handler is not async") in app.middleware.app.left

    async def test_are_answered(self, app: ASGIApp) -> None:
        assert (await ask(app, "POST", "/sample/form", b"count=5", Content_Type=FORM)).json == {"count": 5}
        assert (await ask(app, "GET", "/sample/cookie", Cookie="taste=sweet")).json == "eaten"
        assert (await ask(app, "GET", "/sample/deep?where[name]=x")).json == {"name": "x"}

    async def test_are_refused_in_the_shape_of_the_api(self, app: ASGIApp) -> None:
        form = await ask(app, "POST", "/sample/form", b"", Content_Type=FORM)
        assert (form.status, list(form.json)) == (400, ["message"])
        cookie = await ask(app, "GET", "/sample/cookie", Cookie="taste=bitter-sweet")
        assert (cookie.status, cookie.message) == (
            400,
            "cookie parameter 'taste': \"bitter-sweet\" is longer than 5 characters",
        )

    async def test_are_known_to_the_routes(self, app: ASGIApp) -> None:
        answer = await ask(app, "GET", "/sample/form")
        assert (answer.status, answer.headers["allow"]) == (405, "POST")

    async def test_requests_that_are_no_json(self, app: ASGIApp) -> None:
        json = await ask(app, "POST", "/sample/either", b'{"word":"a"}', Content_Type="application/json")
        form = await ask(app, "POST", "/sample/either", b"word=a", Content_Type=FORM)
        assert (json.json, form.json) == ({"word": "a"}, {"word": "a"})


class TestLeftApis:
    @pytest.mark.parametrize("option", ["strict_validation", "pythonic_params", "auth_all_paths"])
    async def test_options_that_change_what_requests_mean(self, option: str) -> None:
        app = AsyncApp("sample", middlewares=[_routes, *stock.MIDDLEWARES])
        resolver = HandlerResolver(sample.HANDLERS)
        ui = SwaggerUIOptions(swagger_ui=False)
        app.add_api(sample.DOCUMENT, base_path="/sample", resolver=resolver, swagger_ui_options=ui, **{option: True})
        assert (await ask(app, "GET", "/sample/ping")).json == "pong"
        assert app.middleware.app.left == [("all of /sample", option)]


def _routes(app: ASGIApp) -> CompiledRoutes:
    return CompiledRoutes(app, problems=Problems({}))


class TestImpossibleOperations:
    @staticmethod
    def build(path: str, operation: dict[str, Any]) -> None:
        document = {
            "openapi": "3.0.3",
            "info": {"title": "Wrong", "version": "1"},
            "paths": {path: {"get": {"operationId": "any", "responses": {"200": {"description": "x"}}, **operation}}},
        }

        async def anything(**_arguments: object) -> None:
            pass

        app = AsyncApp("wrong", middlewares=[_routes, *stock.MIDDLEWARES])
        app.add_api(document, resolver=HandlerResolver({"any": anything}))
        app.middleware._build_middleware_stack()

    def test_patterns_that_are_none(self) -> None:
        parameter = {"name": "x", "in": "query", "schema": {"type": "string", "pattern": "["}}
        with pytest.raises(SpecError, match=r"^Wrong: .* - 'paths\./a\.get\.parameters\.0\.schema\.pattern'$"):
            self.build("/a", {"parameters": [parameter]})

    def test_names_that_become_one(self) -> None:
        names = ("a$b", "ab")
        parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in names]
        with pytest.raises(CompileError, match="^GET /a: two parameters become the argument 'ab'$"):
            self.build("/a", {"parameters": parameters})


class TestStockStack:
    """Without the fast path, where its routes are made to answer alike."""

    async def test_redirects_no_slash_too_many(self, stock_app: ASGIApp) -> None:
        for path in ("/sample/ping/", "/sample/words/abc/"):
            answer = await ask(stock_app, "GET", path)
            assert (answer.status, answer.json) == (404, {"message": f"No such path: {path}"})

    @pytest.mark.parametrize("path", [f"/jobs/{'1' * 5000}", "/numbers/1/./true", "/numbers/1/+/true"])
    async def test_fails_at_no_number(self, stock_app: ASGIApp, path: str) -> None:
        assert (await ask(stock_app, "GET", f"/sample{path}")).status == 404

    async def test_takes_newlines(self, stock_app: ASGIApp) -> None:
        assert (await ask(stock_app, "GET", "/sample/texts/a%0Ab")).json == "a\nb"

    async def test_answers_its_own_problems_in_the_shape_of_the_api(self, stock_app: ASGIApp) -> None:
        answer = await ask(stock_app, "GET", "/sample/required")
        assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
        assert answer.json == {"message": "Missing query parameter 'needed'"}
