import base64

import pytest

from opsgate.backends.supvisors.address import Address, parse


def basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


class TestParse:
    @pytest.mark.parametrize(
        ("url", "label", "host", "port"),
        [
            ("http://localhost:9001", "http://localhost:9001", "localhost", 9001),
            ("http://127.0.0.1:9001/", "http://127.0.0.1:9001", "127.0.0.1", 9001),
            ("http://127.0.0.1:9001/RPC2", "http://127.0.0.1:9001", "127.0.0.1", 9001),
            ("http://localhost", "http://localhost:80", "localhost", 80),
            ("http://b\u00fccher.example:9001", "http://xn--bcher-kva.example:9001", "xn--bcher-kva.example", 9001),
            ("http://[::1]:9001", "http://[::1]:9001", "::1", 9001),
        ],
    )
    def test_tcp(self, url: str, label: str, host: str, port: int) -> None:
        assert parse(url) == Address(label=label, host=host, port=port)

    def test_socket_file(self) -> None:
        assert parse("unix:///run/my%20s.sock") == Address(
            label="unix:///run/my%20s.sock", socket_path="/run/my%20s.sock"
        )

    def test_credentials_in_the_url(self) -> None:
        address = parse("http://jo%40x:p%3Aw%2F%25@localhost:9001", "other", "ignored")
        assert address.authorization == basic("jo@x:p:w/%")
        assert address.label == "http://localhost:9001"

    @pytest.mark.parametrize("url", ["http://localhost:9001", "unix:///s"])
    def test_credentials_beside_the_url(self, url: str) -> None:
        assert parse(url, "jo", "h\u00e9llo").authorization == basic("jo:h\u00e9llo")
        assert parse(url, "jo", None).authorization == basic("jo:")
        assert parse(url, "", "x").authorization == b""

    def test_never_shows_credentials(self) -> None:
        address = parse("http://jo:secret@localhost:9001")
        shown = f"{address!r} {address}"
        assert "secret" not in shown
        assert basic("jo:secret").decode() not in shown

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "localhost:9001",
            "https://jo:secret@localhost:9001",
            "http://",
            "http://jo:secret@:9001",
            "http://jo:secret@localhost:port",
            f"http://jo:secret@{'x' * 64}:9001",
            "http://jo:secret@localhost:99999",
            "http://jo:secret@localhost:9001/other",
            "http://jo:secret@[::1:9001",
            "unix://jo:secret@s",
            "unix://",
        ],
    )
    def test_refused_without_showing_credentials(self, url: str) -> None:
        with pytest.raises(ValueError, match=r"\w") as caught:
            parse(url)
        assert "secret" not in str(caught.value)

    def test_user_name_with_a_colon(self) -> None:
        with pytest.raises(ValueError, match="colon"):
            parse("http://localhost:9001", "a:b", "c")
