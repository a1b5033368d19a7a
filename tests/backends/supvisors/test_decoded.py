"""Answers that come again."""

from __future__ import annotations

import pytest

from opsgate.backends.supvisors.decoded import Decoded


class Decoder:
    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, answer: bytes) -> list[bytes]:
        self.asked.append(answer)
        if answer == b"fault":
            raise ValueError(answer)
        return [answer]


class TestResult:
    def test_the_same_again_is_decoded_once(self) -> None:
        decoder = Decoder()
        decoded = Decoded(decoder)
        assert decoded.result(b"call", b"a") is decoded.result(b"call", b"a")
        assert decoder.asked == [b"a"]

    def test_another_answer_is_another_result(self) -> None:
        decoded = Decoded(Decoder())
        assert [decoded.result(b"call", answer) for answer in (b"a", b"b", b"a")] == [[b"a"], [b"b"], [b"a"]]

    def test_calls_are_kept_apart(self) -> None:
        decoder = Decoder()
        decoded = Decoded(decoder)
        for call in (b"one", b"other", b"one", b"other"):
            assert decoded.result(call, b"a") == [b"a"]
        assert decoder.asked == [b"a", b"a"]

    def test_what_fails_fails_again(self) -> None:
        decoded = Decoded(Decoder())
        for _ in range(2):
            with pytest.raises(ValueError, match="fault"):
                decoded.result(b"call", b"fault")

    def test_little_is_kept(self) -> None:
        decoder = Decoder()
        decoded = Decoded(decoder)
        for number in [*range(33), 0, 32]:
            decoded.result(b"%d" % number, b"a")
        assert len(decoder.asked) == 34
        for _ in range(2):
            decoded.result(b"large", bytes(1 << 20))
        assert len(decoder.asked) == 36
