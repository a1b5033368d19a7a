"""Parameters: conversion, checks, defaults, and how they reach the handler."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from starlette.types import ASGIApp

from opsgate.compiled.parameters import boolean, integer, number, parse_query
from tests.compiled import corpus
from tests.compiled.asgi import Request, ask, send

pytestmark = pytest.mark.anyio


def same(value: object, expected: object) -> bool:
    return value == expected and type(value) is type(expected)


class TestConversion:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("0", 0),
            ("-5", -5),
            ("+5", 5),
            ("007", 7),
            ("9223372036854775807", 2**63 - 1),
            ("-9223372036854775808", -(2**63)),
        ],
    )
    def test_integer(self, text: str, value: int) -> None:
        assert same(integer(text), value)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "-",
            "+",
            "1_0",
            " 5",
            "5 ",
            "5\n",
            "1.0",
            "1e3",
            "0x1",
            "\u0663",
            "9223372036854775808",
            "1" * 5000,
            "--1",
        ],
    )
    def test_no_integer(self, text: str) -> None:
        assert integer(text) is text

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("0", 0.0),
            ("-1.5", -1.5),
            ("+2", 2.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e5", 1e5),
            ("1E-5", 1e-5),
            ("1" * 300, float("1" * 300)),
        ],
    )
    def test_number(self, text: str, value: float) -> None:
        assert same(number(text), value)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            ".",
            "+",
            "nan",
            "inf",
            "-Infinity",
            "1e999",
            "1_0",
            " 5",
            "5\n",
            "1e",
            "1e1000",
            "\u0663",
            "9" * 5000,
            "0x1p3",
        ],
    )
    def test_no_number(self, text: str) -> None:
        assert number(text) is text

    @pytest.mark.parametrize(
        ("text", "value"),
        [("true", True), ("True", True), ("1", True), ("false", False), ("FALSE", False), ("0", False)],
    )
    def test_boolean(self, text: str, value: bool) -> None:
        assert boolean(text) is value

    @pytest.mark.parametrize("text", ["", "yes", "no", "on", "2", "t", " true", "null"])
    def test_no_boolean(self, text: str) -> None:
        assert boolean(text) is text


class TestQueryText:
    @pytest.mark.parametrize(
        "query", [*corpus.TEXTS, "a=1&b=2&a=3", "a&b=&=c&&", "a=b=c", "a+b=c%20d", "%61=%C3%A9", "a=%FF"]
    )
    def test_is_read_as_the_standard_library_does(self, query: str) -> None:
        for text in (query, f"a={query}&{query}"):
            assert parse_query(text.encode()) == parse_qsl(text, keep_blank_values=True)


class TestPath:
    async def test_values_have_their_types(self, app: ASGIApp) -> None:
        assert (await ask(app, "GET", "/sample/numbers/+5/2/TRUE")).json == [5, 2.0, True, "float"]

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("/numbers/abc/1/true", 'path parameter \'whole\': "abc" is not of type "integer"'),
            ("/numbers/1_0/1/true", 'path parameter \'whole\': "1_0" is not of type "integer"'),
            ("/numbers/%205/1/true", 'path parameter \'whole\': " 5" is not of type "integer"'),
            ("/numbers/-11/1/true", "path parameter 'whole': -11 is less than the minimum of -10"),
            ("/numbers/1/nan/true", 'path parameter \'real\': "nan" is not of type "number"'),
            ("/numbers/1/0/true", "path parameter 'real': 0.0 is less than or equal to the minimum of 0"),
            ("/numbers/1/1/yes", 'path parameter \'flag\': "yes" is not of type "boolean"'),
            ("/words/ABC", 'path parameter \'word\': "ABC" does not match "^[a-z]+$"'),
            ("/words/abc%0A", 'path parameter \'word\': "abc\\n" does not match "^[a-z]+$"'),
            ("/words/abcdefghi", "path parameter 'word': \"abcdefghi\" is longer than 8 characters"),
            ("/lists/1,x", "path parameter 'ids': \"x\" is not of type \"integer\" - '1'"),
        ],
    )
    async def test_wrong_values_are_named(self, app: ASGIApp, target: str, message: str) -> None:
        answer = await ask(app, "GET", f"/sample{target}")
        assert (answer.status, answer.json) == (400, {"message": message})

    async def test_thousands_of_digits_are_refused_briefly(self, app: ASGIApp) -> None:
        answer = await ask(app, "GET", f"/sample/jobs/{'1' * 5000}")
        assert answer.status == 400
        assert answer.message.endswith('1" is not of type "integer"')
        assert len(answer.body) < 600


class TestQuery:
    async def search(self, app: ASGIApp, query: str) -> dict[str, Any]:
        answer = await ask(app, "GET", f"/sample/search?{query}")
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found

    async def test_defaults_fill_what_is_absent(self, app: ASGIApp) -> None:
        nothing = {"exact": None, "kind": "none", "id": None, "pipe": None, "since": "never"}
        assert await self.search(app, "") == {"limit": 10, "ratio": 1.0, "tag": ["x"], **nothing}

    async def test_defaults_are_nobody_s_to_change(self, app: ASGIApp) -> None:
        assert [(await self.search(app, ""))["tag"] for _ in range(2)] == [["x"], ["x"]]

    @pytest.mark.parametrize(
        ("query", "name", "value"),
        [
            ("limit=5", "limit", 5),
            ("limit=5&limit=6", "limit", 6),
            ("ratio=1e1", "ratio", 10.0),
            ("exact=1", "exact", True),
            ("exact=FALSE", "exact", False),
            ("kind=some&unknown=x", "kind", "some"),
            ("tag=a&tag=b,c", "tag", ["a", "b", "c"]),
            ("tag=", "tag", [""]),
            ("id=1,2", "id", [1, 2]),
            ("id=1,2&id=3", "id", [3]),
            ("pipe=1|2", "pipe", [1, 2]),
            ("since=null", "since", None),
            ("since=2020-01-01T00:00:00Z", "since", "2020-01-01T00:00:00Z"),
        ],
    )
    async def test_value(self, app: ASGIApp, query: str, name: str, value: object) -> None:
        assert (await self.search(app, query))[name] == value

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("limit=0", "query parameter 'limit': 0 is less than the minimum of 1"),
            ("limit=", 'query parameter \'limit\': "" is not of type "integer"'),
            ("limit=5&limit=x", 'query parameter \'limit\': "x" is not of type "integer"'),
            ("exact=maybe", 'query parameter \'exact\': "maybe" is not of type "boolean"'),
            ("kind=other", 'query parameter \'kind\': "other" is not one of "all" or "some"'),
            ("id=1,x", "query parameter 'id': \"x\" is not of type \"integer\" - '1'"),
            ("id=1,2,3,4", "query parameter 'id': [1,2,3,4] has more than 3 items"),
            ("since=yesterday", 'query parameter \'since\': "yesterday" is not a "date-time"'),
        ],
    )
    async def test_wrong_value_is_named(self, app: ASGIApp, query: str, message: str) -> None:
        answer = await ask(app, "GET", f"/sample/search?{query}")
        assert (answer.status, answer.json) == (400, {"message": message})

    async def test_missing_one(self, app: ASGIApp) -> None:
        answer = await ask(app, "GET", "/sample/required")
        assert (answer.status, answer.json) == (400, {"message": "Missing query parameter 'needed'"})
        assert (await ask(app, "GET", "/sample/required?needed=2")).json == 2

    async def test_any_name_reaches_a_handler_that_takes_any(self, app: ASGIApp) -> None:
        assert (await ask(app, "GET", "/sample/filter?time$min=1.5&other=1")).json == {"timemin": 1.5, "timemax": 5.0}
        assert (await ask(app, "GET", "/sample/filter?time%24max=1")).json == {"timemax": 1.0}


class TestHeaders:
    async def test_are_converted_for_handlers_that_take_them(self, app: ASGIApp) -> None:
        assert (await ask(app, "GET", "/sample/headers", X_Depth="3")).json == 3
        assert (await ask(app, "GET", "/sample/headers")).json == -1

    async def test_are_checked(self, app: ASGIApp) -> None:
        wrong = await ask(app, "GET", "/sample/headers", X_Depth="deep")
        assert (wrong.status, wrong.message) == (400, 'header parameter \'X-Depth\': "deep" is not of type "integer"')
        assert (await ask(app, "GET", "/sample/headers", X_Depth="-1")).status == 400

    async def test_are_checked_although_the_handler_takes_none(self, app: ASGIApp) -> None:
        assert (await ask(app, "GET", "/sample/headers", X_Unused="abc")).json == -1
        assert (await ask(app, "GET", "/sample/headers", X_Unused="abcd")).status == 400

    async def test_of_a_repeated_one_the_first_counts(self, app: ASGIApp) -> None:
        answer = await send(app, Request("GET", "/sample/headers", (("X-Depth", "1"), ("X-Depth", "x"))))
        assert answer.json == 1
