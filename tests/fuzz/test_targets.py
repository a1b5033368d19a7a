"""Each parser on its examples and on a thousand variations of them, the same ones each time.

For more, `python -m tests.fuzz TARGET` lets a fuzzer look for what reaches new code.
"""

# ruff: noqa: S311, S608 - variations, not secrets; our own columns

import random
import sqlite3

import pytest

from opsgate.backends.errors import Invalid
from opsgate.backends.redengine import query
from tests.fuzz.targets import TARGETS, corpus

VARIATIONS = 1000
PIECES = (
    b"\0",
    b"\xff",
    b"'",
    b'"',
    b"&",
    b"(",
    b")",
    b"$",
    b"%",
    b"-1",
    b"99999999999999999999",
    b"\n",
    b" ",
    b"\xc3\xa9",
    b"1e999",
)


def vary(data: bytes, chance: random.Random) -> bytes:
    """The same with some bytes changed, left out, doubled, or with something put in between."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(changed))
        kind = chance.randint(0, 3)
        if kind == 0:
            changed[at:at] = chance.choice(PIECES)
        elif kind == 1:
            del changed[at : at + chance.randint(1, 5)]
        elif kind == 2:
            changed[at:at] = changed[max(0, at - chance.randint(1, 20)) : at]
        elif changed:
            changed[at % len(changed)] = chance.randint(0, 255)
    return bytes(changed)


@pytest.mark.parametrize("name", TARGETS)
def test_raises_only_what_it_says(name: str) -> None:
    parse, examples, chance = TARGETS[name], corpus(name), random.Random(name)
    for given in [*examples, *(vary(chance.choice(examples), chance) for _ in range(VARIATIONS))]:
        try:
            parse(given)
        except Exception as exc:
            raise AssertionError(f"{name}: {given!r}") from exc


def test_conditions_of_queries_are_sql() -> None:
    """What a query becomes is a condition that SQLite takes, whatever the query."""
    db, chance, accepted = sqlite3.connect(":memory:"), random.Random("sql"), 0
    query.install(db)
    columns = ", ".join(f"NULL AS {name}" for name in {*query.TASK_FIELDS, "own"})
    for _ in range(VARIATIONS):
        given = vary(chance.choice(corpus("query_string")), chance).decode(errors="replace")
        try:
            where = query.compile_query(query.pairs(given), query.TASK_FIELDS)
        except Invalid:
            continue
        accepted += 1
        db.execute(f"SELECT count(*) FROM (SELECT {columns}) WHERE {where.sql}", where.values).fetchone()
    assert accepted
