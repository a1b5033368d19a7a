"""Job ids, in every way in which Flux writes them."""

from __future__ import annotations

import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.flux import ids

NUMBERS = [
    (0, "ƒ1"),
    (57, "ƒz"),
    (58, "ƒ21"),
    (16777216, "ƒ2UzHM"),
    (804568170496, "ƒN8owBMZ"),
    (2**64 - 1, "ƒjpXCZedGfVQ"),
]
"""Numbers and the texts that Flux 0.88 writes for them."""


class TestF58:
    @pytest.mark.parametrize(("number", "text"), NUMBERS)
    def test_both_ways(self, number: int, text: str) -> None:
        assert ids.f58(number) == text
        assert ids.parse(text) == number
        assert ids.parse("f" + text[1:]) == number


class TestParse:
    @pytest.mark.parametrize(
        ("text", "number"),
        [
            ("804568170496", 804568170496),
            ("0", 0),
            ("0007", 7),
            ("0xbb540c0000", 804568956928),
            ("0XFF", 255),
            ("0000.00bb.540c.0000", 804568956928),
            (str(2**64 - 1), 2**64 - 1),
            ("0xffffffffffffffff", 2**64 - 1),
            ("0.0.0.1", 1),
            ("ffff.ffff.ffff.ffff", 2**64 - 1),
        ],
    )
    def test_decimal_and_hexadecimal(self, text: str, number: int) -> None:
        assert ids.parse(text) == number

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "abc",
            "1.5",
            "-1",
            "+1",
            " 1",
            "1_000",
            "1e3",
            "\u0661",
            "0x",
            "0xg",
            "f",
            "ƒ",
            "ƒ0",
            "ƒl",
            "ƒƒ1",
            "fjpXCZedGfVR",
            "fzzzzzzzzzzzz",
            str(2**64),
            "9" * 26,
            "0x1ffffffffffffffff",
            "ffff.ffff.ffff",
            "12345.0.0.0",
            "1\0",
            "1\n",
        ],
    )
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(Invalid, match="is not a job id"):
            ids.parse(text)

    def test_a_long_one_is_not_repeated_in_full(self) -> None:
        with pytest.raises(Invalid) as caught:
            ids.parse("x" * 100_000)
        assert len(caught.value.message) < 200
