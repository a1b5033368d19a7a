"""The page about the API names every setting, and every operation that goes beyond the document."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from opsgate.backends.hoplite.plugins import BUILTIN
from opsgate.backends.hoplite.record import _CAUSES
from opsgate.settings import Hoplite, Jobs

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "hoplite.md").read_text()
EXAMPLE = (ROOT / "examples" / "hoplite_plugin" / "README.md").read_text()


def table(title: str) -> dict[str, str]:
    """The settings and defaults that a table lists."""
    rows = PAGE.partition(f"| setting in `[{title}]`")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.split("|")[1:3]] for row in rows]
    return {name.strip("`"): default for name, default in cells}


@pytest.mark.parametrize(("title", "section"), [("hoplite", Hoplite), ("jobs", Jobs)])
class TestSettings:
    def test_are_all_listed(self, title: str, section: type[msgspec.Struct]) -> None:
        assert list(table(title)) == list(section.__struct_fields__)

    def test_have_their_defaults(self, title: str, section: type[msgspec.Struct]) -> None:
        numbers = {name: float(text) for name, text in table(title).items() if re.fullmatch(r"[0-9.]+", text)}
        known = msgspec.to_builtins(section())
        assert numbers == {name: known[name] for name in numbers}


class TestWords:
    @pytest.mark.parametrize("kind", [kind for kind, _ in _CAUSES.values()])
    def test_each_kind_of_failure_is_named(self, kind: str) -> None:
        assert f"`{kind}`" in PAGE

    @pytest.mark.parametrize("name", BUILTIN)
    def test_each_built_in_plugin_is_named(self, name: str) -> None:
        assert f"`hoplite.plugins.{name}`" in PAGE

    def test_the_example_names_paths_of_the_document(self) -> None:
        document = (ROOT / "specs" / "hoplite.yaml").read_text()
        for path in re.findall(r"\$api(/[a-z_/]*)", EXAMPLE):
            assert f"  {path.rstrip('/')}" in document
