"""JSON bodies."""

from __future__ import annotations

import orjson
import pytest
from connexion import request
from starlette.types import ASGIApp

from tests.compiled import sample
from tests.compiled.asgi import Answer, Request, ask, send_messages

pytestmark = pytest.mark.anyio

JOB = {"name": "a", "secret": "s"}


async def post(app: ASGIApp, path: str, body: bytes | None, media: str = "application/json") -> Answer:
    return await ask(app, "POST", f"/sample{path}", body, Content_Type=media)


async def put(app: ASGIApp, body: object) -> Answer:
    return await ask(app, "PUT", "/sample/jobs/7", orjson.dumps(body), Content_Type="application/json")


class TestSchema:
    async def test_what_only_answers_hold_is_not_required(self, app: ASGIApp) -> None:
        assert (await put(app, JOB)).json == [7, JOB]

    async def test_what_only_answers_hold_may_come_back(self, app: ASGIApp) -> None:
        assert (await put(app, {**JOB, "id": 7})).json == [7, {**JOB, "id": 7}]

    async def test_null_where_it_may_be(self, app: ASGIApp) -> None:
        assert (await put(app, {**JOB, "owner": None})).json == [7, {**JOB, "owner": None}]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": None}, "null is not of type \"string\" - 'name'"),
            ({"name": "a\n"}, "does not match \"^[a-z]+$\" - 'name'"),
            ({"owner": "them"}, "is not one of"),
            ({"load": 0}, "0 is less than or equal to the minimum of 0 - 'load'"),
            ({"id": 1.0}, "1.0 is not of type \"integer\" - 'id'"),
            ({"nullable": None}, "null is not of type \"boolean\" - 'nullable'"),
        ],
    )
    async def test_wrong_values_are_named(self, app: ASGIApp, change: dict[str, object], message: str) -> None:
        answer = await put(app, {**JOB, **change})
        assert answer.status == 400
        assert message in answer.message

    async def test_recursive(self, app: ASGIApp) -> None:
        tree = {"name": "a", "children": [{"name": "b", "children": [{"name": "c"}]}]}
        assert (await post(app, "/trees", orjson.dumps(tree))).json == tree
        tree["children"] = [{"name": "b", "children": [{"nam": "c"}]}]
        wrong = await post(app, "/trees", orjson.dumps(tree))
        assert (wrong.status, wrong.message.rpartition(" - ")[2]) == (400, "'children.0.children.0'")

    @pytest.mark.parametrize("levels", [200, 300, 900])
    async def test_at_any_depth(self, app: ASGIApp, levels: int) -> None:
        body = b'{"secret":"s","name":' + b"[" * levels + b"]" * levels + b"}"
        answer = await ask(app, "PUT", "/sample/jobs/7", body, Content_Type="application/json")
        assert answer.status == 400
        assert "not of type" in answer.message or "nested more than 255 levels deep" in answer.message


class TestJson:
    @pytest.mark.parametrize(
        "body",
        [b"{", b"\xff", b'"\xff"', b"NaN", b"[1e999]", b"[" * 100_000, b"{} {}", b"'x'", b'"\x00"', b"\xef\xbb\xbf{}"],
    )
    async def test_is_parsed_strictly(self, app: ASGIApp, body: bytes) -> None:
        answer = await post(app, "/any", body)
        assert answer.status == 400
        assert answer.message.startswith("The body is not valid JSON: ")

    async def test_no_integer_beyond_64_bits(self, app: ASGIApp) -> None:
        assert (await put(app, {**JOB, "id": 2**64 - 1})).status == 200
        digits = b'{"name":"a","secret":"s","id":' + b"1" * 5000 + b"}"
        answer = await ask(app, "PUT", "/sample/jobs/7", digits, Content_Type="application/json")
        assert answer.status == 400

    @pytest.mark.parametrize(
        "media",
        ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json;charset=UTF-8"],
    )
    async def test_media_type(self, app: ASGIApp, media: str) -> None:
        assert (await post(app, "/any", b"[1]", media)).json == [[1]]

    async def test_other_media_type(self, app: ASGIApp) -> None:
        answer = await post(app, "/jobs", b"a=1", "text/plain")
        assert (answer.status, answer.message) == (
            415,
            "Invalid Content-type (text/plain), expected ['application/json']",
        )


class TestAbsence:
    async def test_of_a_required_one(self, app: ASGIApp) -> None:
        for body in (None, b""):
            answer = await post(app, "/jobs", body)
            assert (answer.status, answer.message) == (400, "RequestBody is required")

    async def test_of_an_optional_one(self, app: ASGIApp) -> None:
        assert (await post(app, "/any", None)).json == [{}]
        assert (await ask(app, "PUT", "/sample/jobs/7")).json == [7, {}]

    async def test_null_is_a_body_where_it_may_be(self, app: ASGIApp) -> None:
        assert (await post(app, "/nothing", b"null")).json == [None]
        for body in (b"null", b" "):
            answer = await post(app, "/any", body)
            assert (answer.status, answer.message) == (400, "Request body must not be empty")


class TestTransfer:
    async def test_in_pieces(self, app: ASGIApp) -> None:
        pieces = [{"type": "http.request", "body": part, "more_body": True} for part in (b"[1", b"", b",2")]
        headers = (("Content-Type", "application/json"),)
        answer = await send_messages(
            app, Request("POST", "/sample/any", headers), [*pieces, {"type": "http.request", "body": b"]"}]
        )
        assert answer.json == [[1, 2]]

    async def test_that_breaks_off_calls_no_handler(self) -> None:
        called = []

        async def post_any(body: object) -> None:
            called.append(body)

        app = sample.connexion_app(handlers={"post_any": post_any})
        pieces = [{"type": "http.request", "body": b"[1", "more_body": True}]
        answer = await send_messages(app, Request("POST", "/sample/any"), pieces)
        assert (answer.status, called) == (0, [])

    async def test_handlers_may_read_it_again(self) -> None:
        async def post_any(body: object) -> object:
            return [body, (await request.body()).decode()]

        app = sample.connexion_app(handlers={"post_any": post_any})
        assert (await post(app, "/any", b"[ 1 ]")).json == [[1], "[ 1 ]"]
