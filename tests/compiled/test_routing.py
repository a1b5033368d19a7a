"""From method and path to the operation."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from opsgate.compiled.table import Table
from opsgate.compiled.templates import SLASH
from tests.compiled import sample
from tests.compiled.asgi import ask

pytestmark = pytest.mark.anyio

KINDS = {"path": "path", "more": "path", "number": "integer"}


def table(*operations: str) -> Table[str]:
    """A table of operations written as ``GET /path``, which find themselves."""
    made: Table[str] = Table()
    for operation in operations:
        method, path = operation.split()
        made.add(method, path, KINDS, operation)
    return made


class TestTemplates:
    @pytest.mark.parametrize(
        ("path", "found", "values"),
        [
            ("/a/b", "GET /a/b", []),
            ("/a/c", "GET /a/{x}", ["c"]),
            ("/a/b/c", "GET /a/{x}/{y}", ["b", "c"]),
            ("/a/ /\n", "GET /a/{x}/{y}", [" ", "\n"]),
            ("/f/x", "GET /f/{path}", ["x"]),
            ("/f/x/y/z", "GET /f/{path}", ["x/y/z"]),
            ("/f//s1", "GET /f/{path}", ["/s1"]),
            ("/f/x/y/status", "GET /f/{path}/status", ["x/y"]),
            ("/f/status/status", "GET /f/{path}/status", ["status"]),
            ("/f/x/lines/7", "GET /f/{path}/lines/{number}", ["x", "7"]),
            ("/f/x/lines/y", "GET /f/{path}", ["x/lines/y"]),
            ("/f/status", "GET /f/{path}", ["status"]),
            ("/p/x.html", "GET /p/{x}.html", ["x"]),
            ("/two/a/to/b/c", "GET /two/{path}/to/{more}", ["a", "b/c"]),
        ],
    )
    def test_fit(self, path: str, found: str, values: list[str]) -> None:
        made = table(
            *("GET /a/{x}/{y}", "GET /a/{x}", "GET /a/b", "GET /f/{path}/status", "GET /f/{path}/lines/{number}"),
            *("GET /f/{path}", "GET /p/{x}.html", "GET /two/{path}/to/{more}"),
        )
        route, texts = made.find("GET", path) or ("", [])
        assert (route, list(texts)) == (found, values)

    @pytest.mark.parametrize("path", ["", "/", "/a", "/a/", "/a/b/", "//a/b", "/a//b", "/f", "/f/", "/F/x", "/a/b/c"])
    def test_do_not_fit(self, path: str) -> None:
        assert table("GET /a/b", "GET /a/{x}", "GET /f/{path}").find("GET", path) is None

    def test_the_first_of_the_spec_wins(self) -> None:
        assert table("GET /{x}/b", "GET /a/{y}").find("GET", "/a/b") == ("GET /{x}/b", ["a"])
        assert table("GET /a/{y}", "GET /{x}/b").find("GET", "/a/b") == ("GET /a/{y}", ["b"])

    def test_one_that_has_the_method_wins(self) -> None:
        assert table("GET /{x}/b", "PUT /a/{y}").find("PUT", "/a/b") == ("PUT /a/{y}", ["b"])
        assert table("GET /a/b", "PUT /a/{y}").find("PUT", "/a/b") == ("PUT /a/{y}", ["b"])

    def test_one_whose_number_is_one_wins(self) -> None:
        made = table("GET /a/{number}", "GET /a/{x}")
        assert made.find("GET", "/a/5") == ("GET /a/{number}", ["5"])
        assert made.find("GET", "/a/b") == ("GET /a/{x}", ["b"])

    def test_a_wrong_number_is_for_the_operation_to_refuse(self) -> None:
        assert table("GET /a/{number}").find("GET", "/a/b") == ("GET /a/{number}", ["b"])


class TestEncodedSlashes:
    def test_are_no_text_without_slashes(self) -> None:
        assert table("GET /a/{x}", "GET /a/{x}/{y}").find("GET", f"/a/b{SLASH}c") is None

    def test_are_slashes_of_a_path(self) -> None:
        assert table("GET /f/{path}").find("GET", f"/f/{SLASH}a{SLASH}b") == ("GET /f/{path}", ["/a/b"])

    async def test_are_told_from_a_nul(self) -> None:
        app = sample.connexion_app()
        assert (await ask(app, "GET", "/sample/files/a%2Fb%2fc%00d")).json == {"path": "a/b/c\0d"}
        assert (await ask(app, "GET", "/sample/texts/a%00b")).json == "a\0b"
        assert (await ask(app, "GET", "/sample/texts/a%2Fb")).status == 404


class TestMethods:
    def test_all_of_the_path_are_allowed(self) -> None:
        made = table("GET /a/b", "POST /a/b", "PUT /a/{x}", "DELETE /c", "PATCH /a/{number}")
        with pytest.raises(HTTPException) as raised:
            made.find("DELETE", "/a/b")
        assert (raised.value.status_code, raised.value.headers) == (405, {"Allow": "GET, HEAD, POST, PUT"})

    def test_get_answers_head(self) -> None:
        assert table("GET /a").find("HEAD", "/a") == ("GET /a", ())
        assert table("GET /a", "HEAD /a").find("HEAD", "/a") == ("HEAD /a", ())
        assert table("HEAD /a", "GET /a").find("HEAD", "/a") == ("HEAD /a", ())


class TestCost:
    @staticmethod
    def calls(made: Table[str], path: str) -> int:
        """How many functions are called to find a path."""
        count = 0

        def profile(_frame: FrameType, event: str, _argument: Any) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(profile)
        try:
            found = made.find("GET", path)
        finally:
            sys.setprofile(None)
        assert found is not None
        return count

    @pytest.mark.parametrize(
        "pattern", ["/all/r{}", "/all/r{}/{{x}}/{{number}}", "/all/{{path}}/r{}", "/r{}/{{path}}/x"]
    )
    def test_does_not_depend_on_the_number_of_operations(self, pattern: str) -> None:
        few, many = (table(*(f"GET {pattern.format(at)}" for at in range(count))) for count in (2, 2000))

        def path(at: int) -> str:
            return pattern.format(at).replace("{x}", "a").replace("{number}", "5").replace("{path}", "b/c")

        costs = {self.calls(few, path(1)), self.calls(many, path(0)), self.calls(many, path(1999))}
        assert len(costs) == 1


class TestAnswers:
    async def test_unknown_path_in_the_shape_of_the_api(self, app: ASGIApp) -> None:
        answer = await ask(app, "GET", "/sample/nothing/here")
        assert (answer.status, answer.json) == (404, {"message": "No such path: /sample/nothing/here"})

    async def test_path_of_nobody_in_our_own_shape(self, app: ASGIApp) -> None:
        answer = await ask(app, "GET", "/other")
        assert (answer.status, answer.json) == (404, {"status": 404, "message": "No such path: /other"})

    async def test_a_slash_too_many_is_no_redirect(self, app: ASGIApp) -> None:
        assert (await ask(app, "GET", "/sample/ping/")).status == 404
        assert (await ask(app, "GET", "/sample/words/abc/")).status == 404

    @pytest.mark.parametrize("method", ["POST", "OPTIONS", "PUT", "BREW"])
    async def test_wrong_method(self, app: ASGIApp, method: str) -> None:
        answer = await ask(app, method, "/sample/words/abc")
        assert (answer.status, answer.headers["allow"], answer.json) == (
            405,
            "DELETE, GET, HEAD",
            {"message": "Method Not Allowed"},
        )

    async def test_head_has_the_headers_of_get(self, app: ASGIApp) -> None:
        get, head = await ask(app, "GET", "/sample/ping"), await ask(app, "HEAD", "/sample/ping")
        assert (head.status, head.headers, head.body) == (200, get.headers, b"")

    async def test_newlines_in_a_path_reach_the_handler(self, app: ASGIApp) -> None:
        assert (await ask(app, "GET", "/sample/texts/a%0Ab%0A")).json == "a\nb\n"
        assert (await ask(app, "GET", "/sample/files/a%0A/b%0A")).json == {"path": "a\n/b\n"}
