"""The page about the API names every setting with its variable, and shows paths of the document."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from opsgate import spec
from opsgate.config import ENGINE_VARIABLES
from opsgate.flux.command import flux_command
from opsgate.settings import Flux

PAGE = (Path(__file__).parents[3] / "docs" / "flux.md").read_text()


def settings() -> dict[str, list[str]]:
    """The rows of the table of settings, by name."""
    rows = PAGE.partition("| setting in `[flux]`")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.split("|")[1:]] for row in rows]
    return {name.strip("`"): others for name, *others in cells}


class TestSettings:
    def test_are_all_listed(self) -> None:
        assert list(settings()) == list(Flux.__struct_fields__)

    def test_have_their_variables(self) -> None:
        told = {name: re.findall(r"`(\w+)`", cells[0]) for name, cells in settings().items()}
        known: dict[str, list[str]] = {name: [] for name in Flux.__struct_fields__}
        for variable, (section, name) in ENGINE_VARIABLES.items():
            if section == "flux":
                known[name].append(variable)
        assert told == known

    def test_have_their_defaults(self) -> None:
        defaults = msgspec.to_builtins(Flux())
        for name, (_, told, *_) in settings().items():
            if re.fullmatch(r"[0-9.]+", told):
                assert float(told) == defaults[name]
            if re.fullmatch(r"`[a-z-]+`", told):
                assert told.strip("`") == defaults[name]
            if told == "off":
                assert defaults[name] is False


class TestCommand:
    def test_options_are_all_named(self) -> None:
        options = {name for option in flux_command.params for name in option.opts if name.startswith("--")}
        assert options == set(re.findall(r"`(--[a-z-]+)`", PAGE.partition("takes")[2].partition("variables")[0]))


class TestPaths:
    def test_are_in_the_document(self) -> None:
        known = [re.sub(r"\{uid\}", "[^/]+", path) for path in spec.load("flux")["paths"]]
        shown = re.findall(r"127\.0\.0\.1:5000(/[a-z0-9/A-Z]*)", PAGE)
        shown += re.findall(r"`(?:GET|POST) (/[^`]*)`", PAGE)
        assert len(shown) > 10
        for path in shown:
            assert any(re.fullmatch(pattern, path) for pattern in known), path
