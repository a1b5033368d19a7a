"""What handlers return, and how it is checked."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import pytest
from connexion.datastructures import NoContent
from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp

from opsgate.compiled.answers import Answers
from opsgate.problems import Written
from tests.compiled import sample
from tests.compiled.asgi import Answer, ask

pytestmark = pytest.mark.anyio

JSON: dict[str, Any] = {"application/json": {}}
RESPONSES: dict[str, Any] = {"200": {"content": JSON}, "202": {}, "default": {"content": JSON}}
BODY = (b"content-length", b"2")
TYPE = (b"content-type", b"application/json")


def written(responses: dict[str, Any], result: object) -> Written:
    answer = Answers(responses)(result)
    assert isinstance(answer, tuple)
    return answer


class TestPlainResults:
    @pytest.mark.parametrize(
        ("result", "body"),
        [
            ({"a": [1]}, b'{"a":[1]}'),
            ([], b"[]"),
            ("text", b'"text"'),
            (1.5, b"1.5"),
            (False, b"false"),
            (None, b"null"),
            (float("nan"), b"null"),
        ],
    )
    def test_are_json(self, result: object, body: bytes) -> None:
        length = (b"content-length", str(len(body)).encode())
        assert written({"200": {"content": JSON}}, result) == (200, [TYPE, length], body)

    @pytest.mark.parametrize(
        ("documented", "status"),
        [
            (["200"], 200),
            (["201", "400"], 201),
            (["202", "200"], 200),
            (["201", "202"], 201),
            (["2XX"], 200),
            (["default"], 200),
        ],
    )
    def test_have_the_documented_status(self, documented: list[str], status: int) -> None:
        assert written({name: {"content": JSON} for name in documented}, {})[0] == status

    def test_are_nothing_where_nothing_is_documented(self) -> None:
        assert written({"204": {}}, None) == (204, [], b"")
        assert written({"200": {}}, None) == (200, [(b"content-length", b"0")], b"")

    def test_are_text_where_text_is_documented(self) -> None:
        responses = {"200": {"content": {"text/plain": {}}}, "default": {"content": JSON}}
        length = (b"content-length", b"2")
        assert written(responses, "é") == (200, [(b"content-type", b"text/plain"), length], "é".encode())
        assert written(responses, b"\xff\xfe") == (200, [(b"content-type", b"text/plain"), length], b"\xff\xfe")
        assert written(responses, ({}, 400)) == (400, [TYPE, length], b"{}")

    def test_that_are_no_json_are_a_mistake(self) -> None:
        with pytest.raises(TypeError):
            written({"200": {"content": JSON}}, object())


class TestTuples:
    @pytest.mark.parametrize(
        ("result", "status", "headers"),
        [
            (({},), 200, [TYPE, BODY]),
            (({}, 404), 404, [TYPE, BODY]),
            (({}, HTTPStatus.CONFLICT), 409, [TYPE, BODY]),
            (({}, {"X-A": "b"}), 200, [TYPE, BODY, (b"x-a", b"b")]),
            (({}, 404, {"X-A": "b", "Content-Length": "9"}), 404, [TYPE, BODY, (b"x-a", b"b")]),
            (({}, 404, {"Content-Type": "application/x+json"}), 404, [(b"content-type", b"application/x+json"), BODY]),
        ],
    )
    def test_say_status_and_headers(self, result: object, status: int, headers: object) -> None:
        assert written(RESPONSES, result) == (status, headers, b"{}")

    def test_without_a_body(self) -> None:
        empty = [(b"content-length", b"0")]
        assert written(RESPONSES, (NoContent, 404)) == (404, empty, b"")
        assert written(RESPONSES, (None, 202)) == (202, empty, b"")
        assert written(RESPONSES, (None, 404))[2] == b"null"
        assert written(RESPONSES, ("x", 304, {"ETag": "y"})) == (304, [(b"etag", b"y")], b"")

    def test_of_another_form_are_a_mistake(self) -> None:
        with pytest.raises(TypeError):
            written(RESPONSES, (1, 2, 3, 4))


class TestResponses:
    async def test_are_sent_as_they_are(self, app: ASGIApp) -> None:
        streamed = await ask(app, "GET", "/sample/answers/stream")
        assert (streamed.status, streamed.body, "content-length" in streamed.headers) == (200, b"[1,2]", False)
        response = await ask(app, "GET", "/sample/answers/response")
        assert (response.status, response.json) == (202, {"a": 1})
        connexion = await ask(app, "GET", "/sample/answers/connexion")
        assert (connexion.status, connexion.json) == (202, {"a": 1})


class TestChecks:
    """Of answers against the spec."""

    async def answer(self, result: object, *, validate: bool = True, path: str = "/jobs") -> Answer:
        async def handler(**_arguments: object) -> object:
            return result

        handlers = {"create_job": handler, "delete_word": handler}
        app = sample.connexion_app(validate=validate, handlers=handlers)
        if path == "/jobs":
            return await ask(app, "POST", "/sample/jobs", b'{"name":"a","secret":"s"}', Content_Type="application/json")
        return await ask(app, "DELETE", f"/sample{path}")

    @pytest.mark.parametrize(
        ("result", "message"),
        [
            ({"id": 1}, 'Response body does not conform to specification. "name" is a required property'),
            ({"id": "x", "name": "a"}, '"x" is not of type "integer" - \'id\''),
            ({"id": 1, "name": "a", "secret": "s"}, "- 'secret'"),
            (JSONResponse({"id": 1}, 201), '"name" is a required property'),
            (({"id": 1, "name": "a"}, 200), "Status 200 is not documented"),
            (
                ({"id": 1, "name": "a"}, 201, {"Content-Type": "text/plain"}),
                "Media type 'text/plain' is not documented",
            ),
        ],
    )
    async def test_refuse(self, result: object, message: str, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.ERROR):
            answer = await self.answer(result)
        assert answer.status == 500
        assert message in answer.message
        assert message in caplog.text

    @pytest.mark.parametrize("result", [{"id": 1, "name": "a"}, {"id": 1, "name": "a", "owner": None}])
    async def test_accept(self, result: object) -> None:
        answer = await self.answer(result)
        assert (answer.status, answer.json) == (201, result)

    async def test_look_at_no_stream(self) -> None:
        async def parts() -> Any:
            yield b'{"id"'

        assert (await self.answer(StreamingResponse(parts(), 201))).body == b'{"id"'

    async def test_are_off_unless_asked_for(self) -> None:
        assert (await self.answer({"id": "x"}, validate=False)).status == 201

    async def test_accept_nothing_where_nothing_is_documented(self) -> None:
        answer = await self.answer(None, path="/words/abc")
        assert (answer.status, answer.headers, answer.body) == (204, {}, b"")
