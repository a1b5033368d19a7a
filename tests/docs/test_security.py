"""docs/security.md: each promise names its tests, and they exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (.+?) \| (.*`tests/.*) \|$", PAGE.partition("## Promises")[2], re.MULTILINE)


def names(file: str) -> set[str]:
    """The tests of a file, as pytest calls them."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name for node in tree.body if isinstance(node, functions)}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return found | {f"{one.name}::{node.name}" for one in classes for node in one.body if isinstance(node, functions)}


def test_promises_are_found() -> None:
    table = PAGE.partition("## Promises")[2].partition("\n\nAn audit line")[0]
    assert len(ROWS) == len(re.findall(r"^\| ", table, re.MULTILINE)) - 1


@pytest.mark.parametrize(("promise", "tests"), ROWS)
def test_each_promise_has_tests(promise: str, tests: str) -> None:
    named = re.findall(r"`(tests/[^`]+?\.py)::([^`]+)`", tests)
    assert [f"{file}::{name}" for file, name in named if name not in names(file)] == []
    assert len(named) == tests.count("`") // 2, promise
