"""Secrets are compared in a time that tells nothing of them: by `hmac.compare_digest`, and nowhere by ``==``."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRET = re.compile(r"token|passw|secret|api_?key|digest|signature|credential", re.IGNORECASE)
NO_SECRETS = {  # and what they are
    "opsgate/problems.py: _SECRET not in sent": "the name of a variable",
    "opsgate/flux/credentials.py: inner == _TOKEN": "a path",
    "opsgate/flux/credentials.py: path == _TOKEN": "a path",
    "backends/ecflow/generated.py: one.name == PASSWORD": "the name of a variable",
    "backends/ecflow/hazards.py: job.password in _OPEN_PASSWORDS": "words that everybody knows",
    "backends/ecflow/server.py: zombie.password in ('', one['password'])": "which zombie of a list a caller means",
    "backends/redengine/conditions/parser.py: token in tuple('&|)')": "a piece of a text",
    "backends/hoplite/jobs.py: earlier.extra['digest'] != digest": "whether a request was sent twice",
    "backends/hoplite/plugins.py: known[0] != signature": "whether files have changed",
}
JUDGES = ["opsgate/tokens.py", "opsgate/flux/access.py", "backends/hoplite/jobs.py"]


def sources() -> Iterator[Path]:
    """Our modules, each once: what is linked into the package is met where it lies."""
    for room in ("opsgate", "handlers", "backends"):
        yield from (path for path in (ROOT / room).rglob("*.py") if path.resolve() == path)


def comparisons(tree: ast.AST) -> Iterator[ast.Compare]:
    """Those of two things that are computed, one of them named like a secret."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
            sides = [node.left, node.comparators[0]]
            if not any(isinstance(side, ast.Constant) for side in sides) and any(map(is_secret, sides)):
                yield node


def is_secret(side: ast.expr) -> bool:
    name = side.id if isinstance(side, ast.Name) else side.attr if isinstance(side, ast.Attribute) else ""
    return SECRET.search(name) is not None


def test_none_is_compared_by_its_text() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {ast.unparse(node)}"
        for path in sources()
        for node in comparisons(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert sorted(set(found)) == sorted(NO_SECRETS)


@pytest.mark.parametrize("module", JUDGES)
def test_who_judges_uses_the_right_function(module: str) -> None:
    assert "hmac.compare_digest(" in (ROOT / module).read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["token == given", "given != self._password", "x in secrets", "a.api_key == b"])
def test_a_wrong_one_would_be_found(text: str) -> None:
    assert len(list(comparisons(ast.parse(text)))) == 1
