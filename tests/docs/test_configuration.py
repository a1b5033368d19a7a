"""docs/configuration.md against the settings themselves: all of them are in it, as they are, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import pytest

from opsgate.config import ENGINE_VARIABLES, field_types, load
from opsgate.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", list[str]: "list of texts"}
ROW = re.compile(r"\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \| (.+) \|")

Row = tuple[str, str, str]
"""Type, default, variables, as the page has them."""


def told() -> dict[str, dict[str, Row]]:
    """What the page says, by section; those outside of any are in the section ``""``."""
    sections: dict[str, dict[str, Row]] = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"## `\[(\w+)\]`.*|## Outside of any section", line):
            rows = sections.setdefault(heading[1] or "", {})
        elif row := ROW.fullmatch(line):
            assert row[1] not in rows, f"{row[1]} is there twice"
            rows[row[1]] = (row[2], row[3], row[4])
    return sections


def real() -> dict[str, dict[str, Row]]:
    """What the code says, in the same form."""
    types = field_types(Settings)
    names = [name for name, kind in types.items() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    outside = {name: _row("", name, types[name], getattr(Settings(), name)) for name in types if name not in names}
    sections = {"": outside}
    for section in names:
        values = getattr(Settings(), section)
        own = field_types(types[section])
        sections[section] = {name: _row(section, name, kind, getattr(values, name)) for name, kind in own.items()}
    return sections


def _row(section: str, name: str, kind: Any, default: object) -> Row:
    word = "one of " + ", ".join(f"`{one}`" for one in get_args(kind)) if get_origin(kind) is Literal else WORDS[kind]
    own = "_".join(filter(None, ("OPSGATE", section, name))).upper()
    engines = [variable for variable, place in ENGINE_VARIABLES.items() if place == (section, name)]
    return word, f"`{json.dumps(default)}`", ", ".join(f"`{variable}`" for variable in [own, *engines])


@pytest.mark.parametrize("section", real())
def test_each_setting_is_there_as_it_is(section: str) -> None:
    assert told().get(section, {}) == real()[section]


def test_nothing_else_is_there() -> None:
    assert set(told()) == set(real())


def test_its_example_is_accepted(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    file = tmp_path / "opsgate.toml"
    file.write_text(example[1])
    assert load(file, {}, {}).server.workers == 4
