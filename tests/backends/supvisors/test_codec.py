import math
import xmlrpc.client
from datetime import datetime
from typing import Any

import pytest

from opsgate.backends.errors import Broken, Invalid
from opsgate.backends.supvisors.codec import decode, encode
from opsgate.backends.supvisors.faults import FaultError

VALUES: list[Any] = [
    0,
    -(2**31),
    2**31 - 1,
    True,
    False,
    0.0,
    -1.5e300,
    "",
    " \n\t h\u00e9llo <&>\"' ]]> \U0001f600 \x7f\x85\u2028\ufffd ",
    [],
    {},
    [[], [[1, "a"], {}], {"": "empty name", "a b": [1.5, None]}],
    {"nested": {"list": [True, {"deep": "x" * 1000}]}},
    None,
]


def answer(value: Any) -> bytes:
    return xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode()


def raw(inner: str) -> bytes:
    return f"<methodResponse><params><param><value>{inner}</value></param></params></methodResponse>".encode()


class TestEncode:
    @pytest.mark.parametrize("value", [*VALUES[:-3], {"a": [1, "b"]}, ("x", 2)])
    def test_is_what_the_standard_library_reads(self, value: Any) -> None:
        expected = list(value) if isinstance(value, tuple) else value
        assert xmlrpc.client.loads(encode("a.b", (value,))) == ((expected,), "a.b")

    def test_carriage_returns_survive(self) -> None:
        assert xmlrpc.client.loads(encode("a.b", ("1\r\n2\r3",)))[0] == ("1\r\n2\r3",)

    @pytest.mark.parametrize("character", ["\0", "\x01", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
    def test_characters_that_xml_has_not(self, character: str) -> None:
        for value in (f"a{character}", [character], {"name": {"name": character}}):
            with pytest.raises(Invalid) as caught:
                encode("a.b", (value,))
            assert f"U+{ord(character):04X}" in caught.value.message
            caught.value.message.encode()  # so that it can be answered

    @pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 10**400])
    def test_integers_beyond_32_bits(self, number: int) -> None:
        with pytest.raises(Invalid, match="32 bits"):
            encode("a.b", ("x", number))

    @pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan])
    def test_numbers_that_are_not_finite(self, number: float) -> None:
        with pytest.raises(Invalid, match=str(number)):
            encode("a.b", (number,))

    def test_long_values_are_shown_in_part(self) -> None:
        with pytest.raises(Invalid) as caught:
            encode("a.b", ("x" * 6000 + "\0",))
        assert len(caught.value.message) < 200


class TestDecode:
    @pytest.mark.parametrize("value", VALUES)
    def test_the_same_as_the_standard_library(self, value: Any) -> None:
        assert decode(answer(value)) == xmlrpc.client.loads(answer(value))[0][0] == value
        assert type(decode(answer(value))) is type(value)

    @pytest.mark.parametrize(
        ("inner", "expected"),
        [
            ("text without a type", "text without a type"),
            ("", ""),
            ("<string/>", ""),
            ("<i4>7</i4>", 7),
            ("<i8>9007199254740993</i8>", 9007199254740993),
            ("<int> 7 </int>", 7),
            ("<nil/>", None),
            ("<double>nan</double>", None),
            ("<double>-inf</double>", None),
            ("<dateTime.iso8601>20261122T04:53:29</dateTime.iso8601>", "2026-11-22T04:53:29"),
            ("<base64>\naGVs\nbG8=\n</base64>", "aGVsbG8="),
            (" \n<array> <data> <value><int>1</int></value>\n</data> </array> ", [1]),
        ],
    )
    def test_what_supervisord_does_not_write_but_others_may(self, inner: str, expected: Any) -> None:
        assert decode(raw(inner)) == expected

    def test_dates_and_bytes_become_text(self) -> None:
        value = [datetime(2026, 11, 22, 4, 53, 29), b"hello"]
        assert decode(answer(value)) == ["2026-11-22T04:53:29", "aGVsbG8="]

    def test_every_control_character_survives(self) -> None:
        text = "".join(map(chr, range(0x20))) + "\r\n"
        assert decode(answer([{"name\r": text}, 1, True])) == [{"name\r": text}, 1, True]

    def test_what_unicode_calls_no_characters(self) -> None:
        assert decode(answer("a\ufffeb\uffffc")) == "a\ufffdb\ufffdc"

    def test_fault(self) -> None:
        with pytest.raises(FaultError) as caught:
            decode(xmlrpc.client.dumps(xmlrpc.client.Fault(10, "BAD_NAME: h\u00e9")).encode())
        assert (caught.value.code, caught.value.text) == (10, "BAD_NAME: h\u00e9")

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"hello",
            b"<html><body>It works!</body></html>",
            answer("x")[:-10],
            b"<methodResponse/>",
            b"<methodResponse><params/></methodResponse>",
            b"<methodResponse><fault/></methodResponse>",
            raw("<int>x</int>"),
            raw("<int/>"),
            raw("<unheard-of/>"),
            raw("<struct><member/></struct>"),
            raw("<array/>"),
            answer("h\u00e9").replace("\u00e9".encode(), b"\xe9"),
        ],
    )
    def test_something_else(self, body: bytes) -> None:
        with pytest.raises(Broken, match="not XML-RPC"):
            decode(body)
