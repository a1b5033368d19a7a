"""docs/fast-path.md tells what is so."""

from __future__ import annotations

from pathlib import Path

import pytest

import opsgate
from tests.compiled.differences import DIFFERENCES, Difference

PACKAGE = Path(opsgate.__file__).parent / "compiled"
PAGE = " ".join((Path(__file__).parents[2] / "docs" / "fast-path.md").read_text(encoding="utf-8").split())


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: difference.name)
def test_every_difference_is_told_with_its_reason(difference: Difference) -> None:
    assert f"- **{difference.name}**: {difference.reason}." in PAGE


def test_every_module_is_listed_in_the_package() -> None:
    listed = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    assert [path.name for path in PACKAGE.glob("*.py") if f"    {path.name} " not in listed] == ["__init__.py"]
