"""The page about the API names every setting, and every operation that goes beyond the document."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from opsgate import spec
from opsgate.settings import Redengine

PAGE = (Path(__file__).parents[3] / "docs" / "redengine.md").read_text()
DOCUMENTED = ("tasks", "task", "parameters", "config", "configs", "returns", "session", "logs", "dependencies")


def table(title: str) -> dict[str, str]:
    """The settings and defaults that a table lists."""
    rows = PAGE.partition(f"| setting in `[{title}]`")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.split("|")[1:3]] for row in rows]
    return {name.strip("`"): default for name, default in cells}


class TestSettings:
    def test_are_all_listed(self) -> None:
        assert list(table("redengine")) == list(Redengine.__struct_fields__)

    def test_have_their_defaults(self) -> None:
        numbers = {name: float(text) for name, text in table("redengine").items() if re.fullmatch(r"[0-9.]+", text)}
        known = msgspec.to_builtins(Redengine())
        assert numbers == {name: known[name] for name in numbers}


class TestAdditions:
    def test_each_is_named(self) -> None:
        beyond = PAGE.partition("## Beyond the document")[2] + PAGE.partition("`GET /scheduler`")[1]
        for path, _, _ in spec.operations(spec.load("redengine")):
            parts = path.strip("/").split("/")
            if parts[0] not in DOCUMENTED or len(parts) > 2:
                assert f"/{parts[-1]}" in beyond, path
