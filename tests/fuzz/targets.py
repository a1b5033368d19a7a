"""What parses foreign text, as functions of bytes: each raises nothing but what it says, on whatever it is given."""

# ruff: noqa: S608 - our own columns

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from opsgate import tokens
from opsgate.backends.errors import Broken, EngineError, Invalid
from opsgate.backends.flux import ids, search
from opsgate.backends.flux.port import Resources
from opsgate.backends.redengine import foresight, query
from opsgate.backends.redengine.conditions import parser
from opsgate.backends.supvisors import codec
from opsgate.backends.supvisors.faults import FaultError
from opsgate.handlers.flux import submission
from opsgate.handlers.flux.needs import Rules
from tests.backends.redengine.conditions.facts import Stated
from tests.fuzz.ecflow import definition, expression, frame, submitted_definition

_NOON: Final = 1_795_348_800.0
_LOOP: Final = asyncio.new_event_loop()


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def condition(data: bytes) -> None:
    """A condition, and when it holds next."""
    try:
        term = parser.parse(_text(data))
    except parser.NoCondition:
        return
    foresight.as_texts(foresight.foresee(term, "me", Stated(), _NOON, 3))


def query_string(data: bytes) -> None:
    """A query, and SQLite looking for it among the tasks."""
    text = _text(data)
    for fields in (query.TASK_FIELDS, query.LOG_FIELDS):
        try:
            where = query.compile_query(query.pairs(text), fields)
        except Invalid:
            continue
        assert where.sql.count("?") == len(where.values), where
        if fields is query.TASK_FIELDS:
            _DB.execute(f"SELECT * FROM task WHERE {where.sql}", where.values).fetchall()


def _database() -> sqlite3.Connection:
    """A task of which each field says something."""
    db = sqlite3.connect(":memory:", check_same_thread=False)
    query.install(db)
    columns = ", ".join(f"'{name}' AS \"{name}\"" for name in query.TASK_FIELDS)
    db.execute(f'CREATE TABLE task AS SELECT {columns}, \'{{"code": "x"}}\' AS own')
    return db


_DB: Final = _database()


def job_id(data: bytes) -> None:
    """A job's number; its F58 is read as the same."""
    try:
        number = ids.parse(_text(data))
    except Invalid:
        return
    assert ids.parse(ids.f58(number)) == number


def pattern(data: bytes) -> None:
    """A search pattern, and texts it is tried on."""
    matches = search.matcher(_text(data))
    for text in ("", "echo", "a" * 5000):
        matches(text)


def submit(data: bytes) -> None:
    """The members of a submission."""
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        body = {"command": _text(data), "envars": _text(data), "option_flags": _text(data)}
    if not isinstance(body, dict):
        return
    with suppress(EngineError):
        _LOOP.run_until_complete(submission.submit_job(_Submission(), body, {}))


class _Submission:
    rules = Rules(max_nodes=0, has_gpus=False, option_flags={})

    async def resources(self) -> Resources:
        return Resources(nodes=1, cores=2, gpus=0)

    async def submit(self, new: Any) -> Any:
        assert new.command
        return SimpleNamespace(id=1, attributes={"f58": "f1"})

    async def launch(self, new: Any) -> None:
        assert new.command


def xml_rpc(data: bytes) -> None:
    """An answer of supervisord."""
    try:
        codec.decode(data)
    except (Broken, FaultError):
        return


def token_file(data: bytes) -> None:
    """A file of tokens, a token that is looked for in it, and its listing."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        try:
            entries = tokens.read(Path(file.name))
        except tokens.TokenError:
            return
        "\n".join(tokens.listing(Path(file.name))).encode()
    for entry in entries:
        entry.permits("flux", "GET")
        if not entry.hash.startswith("pbkdf2"):  # which takes its time, as it should
            entry.matches("token")
        json.dumps(entry.description).encode()


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    parse.__name__: parse
    for parse in (
        condition,
        query_string,
        job_id,
        pattern,
        submit,
        definition,
        submitted_definition,
        expression,
        frame,
        xml_rpc,
        token_file,
    )
}


def corpus(name: str) -> list[bytes]:
    """Good and bad examples for a target, and what a fuzzer found once."""
    return [file.read_bytes() for file in sorted((Path(__file__).parent / "corpus" / name).iterdir())]
