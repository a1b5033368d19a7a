"""Addresses to listen on."""

import pytest

from opsgate.addresses import Address, AddressError, parse


class TestParse:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("127.0.0.1:8000", Address(None, "127.0.0.1", 8000)),
            ("[::1]:8000", Address(None, "::1", 8000)),
            ("supvisors=localhost:5000", Address("supvisors", "localhost", 5000)),
            ("unix:/run/x.sock", Address(None, path="/run/x.sock")),
            ("flux=unix:/run/x.sock", Address("flux", path="/run/x.sock")),
        ],
    )
    def test_the_three_forms(self, text: str, address: Address) -> None:
        assert parse(text) == address

    @pytest.mark.parametrize("text", ["", "8000", ":8000", "host", "host:99999", "host:x", "h:1/p", "u@h:1", "unix:x"])
    def test_refuses_others(self, text: str) -> None:
        with pytest.raises(AddressError):
            parse(text)


class TestAddress:
    @pytest.mark.parametrize(
        ("text", "local"),
        [
            ("127.0.0.1:1", True),
            ("127.8.8.8:1", True),
            ("[::1]:1", True),
            ("localhost:1", True),
            ("unix:/x", True),
            ("0.0.0.0:1", False),
            ("10.0.0.1:1", False),
            ("example.org:1", False),
        ],
    )
    def test_is_local(self, text: str, local: bool) -> None:
        assert parse(text).is_local is local

    def test_texts(self) -> None:
        assert (parse("[::1]:80").bind, parse("[::1]:80").url) == ("[::1]:80", "http://[::1]:80")
        assert (parse("a=unix:/x").bind, parse("a=unix:/x").url) == ("unix:/x", "unix:/x")
