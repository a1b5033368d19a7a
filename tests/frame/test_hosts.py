"""Foreign Host and Origin headers."""

import pytest

from opsgate.hosts import HostRule


def refused(rule: HostRule, host: str | None = "127.0.0.1:8000", origin: str | None = None) -> str | None:
    headers = {name: value.encode("latin-1") for name, value in ((b"host", host), (b"origin", origin)) if value}
    return rule.refuses(headers)


class TestHost:
    @pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:8000", "localhost:1", "LOCALHOST", "[::1]:8000", None])
    def test_loopback_names_pass(self, host: str | None) -> None:
        assert refused(HostRule(["127.0.0.1"]), host) is None

    @pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "a b", "[", "caf\xe9", "@"])
    def test_others_do_not(self, host: str) -> None:
        assert "is not served here" in (refused(HostRule(["127.0.0.1"]), host) or "")

    def test_configured_names_pass(self) -> None:
        assert refused(HostRule(["127.0.0.1"], ["ops.example"]), "OPS.example:443") is None

    def test_a_listener_everywhere_takes_addresses_but_no_foreign_name(self) -> None:
        rule = HostRule(["0.0.0.0"])
        assert refused(rule, "10.1.2.3:80") is None
        assert refused(rule, "evil.example") is not None

    def test_what_was_accepted_once_stays_accepted(self) -> None:
        rule = HostRule(["127.0.0.1"])
        assert [refused(rule, "localhost:1") for _ in range(2)] == [None, None]


class TestOrigin:
    @pytest.mark.parametrize("origin", ["http://127.0.0.1:8000", "https://127.0.0.1:8000"])
    def test_the_same_site_passes(self, origin: str) -> None:
        assert refused(HostRule(["127.0.0.1"]), origin=origin) is None

    @pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:9", "null", "file://", "http://"])
    def test_other_sites_do_not(self, origin: str) -> None:
        assert "are not accepted" in (refused(HostRule(["127.0.0.1"]), origin=origin) or "")

    def test_configured_sites_pass(self) -> None:
        assert refused(HostRule([], origins=["https://Ui.example/"]), origin="https://ui.example") is None
