"""Pieces of output: cutting UTF-8 between characters."""

from __future__ import annotations

import pytest

from opsgate.backends.jobs.pieces import whole_characters

TEXT = "aé☃😀b".encode()


class TestWholeCharacters:
    def test_pieces_of_any_size_make_the_text(self) -> None:
        for size in range(4, len(TEXT) + 1):
            offset, pieces = 0, []
            while offset < len(TEXT):
                piece = TEXT[offset : offset + size]
                kept = whole_characters(piece, is_last=offset + size >= len(TEXT))
                pieces.append(kept.decode())
                offset += len(kept)
            assert "".join(pieces) == "aé☃😀b"

    @pytest.mark.parametrize("data", [b"", b"abc", "☃".encode(), b"\x80\x80\x80\x80\x80", b"\xff", b"a\x80"])
    def test_what_is_whole_or_no_utf_8_stays(self, data: bytes) -> None:
        assert whole_characters(data, is_last=False) == data

    @pytest.mark.parametrize("data", [b"\xc3", b"\xe2\x98", b"\xf0\x9f\x98"])
    def test_the_beginning_of_a_character_waits(self, data: bytes) -> None:
        assert whole_characters(b"a" + data, is_last=False) == b"a"
        assert whole_characters(b"a" + data, is_last=True) == b"a" + data
