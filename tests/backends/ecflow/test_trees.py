"""Full trees are written from what was kept of those before: they must be what a definition read anew gives."""

from __future__ import annotations

import itertools

import orjson
import pytest

from opsgate.backends.ecflow import parsing, trees
from opsgate.backends.ecflow.model import Definition
from opsgate.backends.ecflow.port import TreeView

TEXT = """\
#5.9.2
defs_state NET state>:queued state_change:1 modify_change:1
edit ECF_HOME '/home/a' # server
suite s # begun:1 state:queued
edit ECF_OUT '/out'
family f # state:queued
family inner # state:queued
repeat integer N 1 9 # 2
task t # passwd:secret try:1 state:active
meter m 0 100 100 # 42
task u # state:queued
alias alias0 # state:queued
endalias
endfamily
task beside # state:queued
endfamily
task alone # state:complete
endsuite
suite empty # state:unknown
endsuite
"""
CHANGES = [
    ("# 42", "# 43"),
    ("try:1 state:active", "try:2 state:aborted"),
    ("repeat integer N 1 9 # 2", "repeat integer N 1 9 # 3"),
    ("edit ECF_OUT '/out'", "edit ECF_OUT '/elsewhere'"),
    ("/home/a", "/home/b"),
    ("alias alias0 # state:queued", "alias alias0 # state:complete"),
    ("task beside # state:queued\n", ""),
    ("task u # state:queued\n", "task u # state:queued\ntask v # state:queued\n"),
    ("suite empty", "suite other"),
]
VIEWS = [
    TreeView("full", with_id, gen_vars, depth, secrets)
    for with_id, gen_vars, depth, secrets in itertools.product((False, True), (False, True), (None, 1), (False, True))
]


def _all(definition: Definition, views: list[TreeView]) -> list[object]:
    paths = ("", "/s", "/s/f", "/s/f/inner", "/s/f/inner/u")
    return [
        orjson.loads(trees.tree(definition, definition.lineage(path) or [] if path else [], view))
        for view in views
        for path in paths
    ]


@pytest.mark.parametrize("views", [VIEWS, [TreeView("full")], [TreeView("full", gen_vars=True)]])
def test_after_each_change_it_is_as_read_anew(views: list[TreeView]) -> None:
    text = TEXT
    definition = parsing.definition(text)
    _all(definition, views)
    for old, new in CHANGES:
        assert old in text
        text = text.replace(old, new)
        definition = parsing.definition(text, definition)
        assert _all(definition, views) == _all(parsing.definition(text), views), (old, new)


def test_what_did_not_change_is_not_written_again() -> None:
    before = parsing.definition(TEXT)
    assert _steps(before, "", TreeView("full")) == 9
    trees.tree(before, [], TreeView("full"))
    assert _steps(before, "", TreeView("full")) == 7  # all but u and its alias
    after = parsing.definition(TEXT.replace("state:complete", "state:queued"), before)
    assert _steps(after, "/s/f/inner/u", TreeView("full")) == 0
    assert _steps(after, "/s/f/inner/u", TreeView("full", with_id=True)) == 2


def _steps(definition: Definition, path: str, view: TreeView) -> int:
    return len(list(trees.prepare(definition, definition.lineage(path) or [] if path else [], view)))
