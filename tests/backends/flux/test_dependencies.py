"""Dependencies as Flux writes them."""

from __future__ import annotations

import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.flux.dependencies import Dependency, parse


class TestParse:
    @pytest.mark.parametrize("scheme", ["after", "afterstart", "afterany", "afterok", "afternotok"])
    @pytest.mark.parametrize("uid", ["16777216", "ƒ2UzHM", "f2UzHM", "0x1000000"])
    def test_each_scheme(self, scheme: str, uid: str) -> None:
        assert parse(f"{scheme}:{uid}") == Dependency(scheme, 16777216)

    @pytest.mark.parametrize("text", ["", ":", "16777216", "before:16777216", "AFTEROK:1", "begin-time:+1h"])
    def test_another(self, text: str) -> None:
        with pytest.raises(Invalid, match='dependency scheme ".*" not supported'):
            parse(text)

    def test_on_what_is_no_job(self) -> None:
        with pytest.raises(Invalid, match='^dependency: afterok: "abc" is not a valid jobid$'):
            parse("afterok:abc")

    def test_as_events_tell_it(self) -> None:
        assert parse("afterok:16777216").description == "after-success=ƒ2UzHM"
