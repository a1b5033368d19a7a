"""Starting and stopping by hand, and what the scheduler is about to do: see `port.ControlPort`."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING, Any

from opsgate.backends.errors import Conflict
from opsgate.backends.redengine import changes, foresight, liveness, records
from opsgate.backends.redengine.conditions import grammar, parser
from opsgate.backends.redengine.facts import StoredFacts
from opsgate.backends.redengine.port import JsonObject
from opsgate.backends.redengine.state import reading
from opsgate.backends.redengine.tasks import Tasks

if TYPE_CHECKING:
    from opsgate.backends.redengine.conditions.terms import Term


class Control(Tasks):
    """Tasks that can be started, stopped and foreseen."""

    async def run_now(self, name: str) -> JsonObject:
        """See `ControlPort`."""

        def ask(db: sqlite3.Connection) -> dict[str, Any]:
            return changes.get_run(db, changes.request_run(db, changes.get(db, name)))

        return records.run(await self._store.do(ask))

    async def stop(self, name: str) -> JsonObject:
        """See `ControlPort`."""

        def ask(db: sqlite3.Connection) -> dict[str, Any]:
            row = changes.get(db, name)
            if row["active"] is None:
                raise Conflict(f"The task {name!r} does not run")
            changes.ask_to_end(db, row)
            return changes.get_run(db, row["active"])

        return await self._stopped(await self._store.do(ask))

    async def stop_run(self, run_id: str) -> JsonObject:
        """See `ControlPort`."""

        def ask(db: sqlite3.Connection) -> dict[str, Any]:
            run = changes.get_run(db, run_id)
            if run["state"] == "ended":
                raise Conflict(f"The run {run_id!r} is over")
            found = changes.rows(db, f"{records.TASK} WHERE seq = ?", (run["task"],))
            if run["state"] == "waiting":
                changes.call_off(db, found[0])
            elif found:
                changes.ask_to_end(db, found[0])
            return changes.get_run(db, run_id)

        return await self._stopped(await self._store.do(ask))

    async def preview(self, name: str, count: int = 5) -> JsonObject:
        """See `ControlPort`."""
        db = (await self._store()).reader.db
        with reading():
            row = changes.get(db, name)
            term = parser.parse(row["start_cond"])
            return {
                "task_name": name,
                "disabled": bool(row["disabled"]),
                "next": self._foresee(db, term, name, count),
                "after": foresight.followed(term),
            }

    async def check_condition(self, text: object, name: str | None = None, count: int = 5) -> JsonObject:
        """See `ControlPort`."""
        db = (await self._store()).reader.db
        with reading():
            if name is not None:
                changes.get(db, name)
            try:
                term = _parse(text)
            except parser.NoCondition as error:
                forms = list(grammar.FORMS)
                return _verdict(text, problem=error.message, forms=forms, following=[], after=[])
            following = self._foresee(db, term, name or "", count)
            return _verdict(text, problem=None, forms=[], following=following, after=foresight.followed(term))

    async def scheduler(self) -> JsonObject:
        """See `ControlPort`."""
        db = (await self._store()).reader.db
        with reading():
            states = dict(db.execute("SELECT state, count(*) FROM run WHERE state <> 'ended' GROUP BY state"))
            tasks = db.execute("SELECT count(*) FROM task").fetchone()[0]
            said = liveness.look(self._store.state.scheduler)
        return said | {
            "running": states.get("running", 0),
            "waiting": states.get("waiting", 0) + states.get("queued", 0),
            "tasks": tasks,
        }

    def _foresee(self, db: sqlite3.Connection, term: Term, name: str, count: int) -> list[str]:
        facts = StoredFacts(db, liveness.since(self._store.state.scheduler))
        return foresight.as_texts(foresight.foresee(term, name, facts, time.time(), count))

    async def _stopped(self, row: dict[str, Any]) -> JsonObject:
        if row["state"] != "ended":
            await self._kill(row["run_id"])
        return records.run(row)


def _parse(text: object) -> Term:
    if isinstance(text, bool):
        return parser.parse("true" if text else "false")
    if not isinstance(text, str):
        raise parser.NoCondition(f"{text!r} is no condition: it is no text")
    return parser.parse(text)


def _verdict(
    text: object, *, problem: str | None, forms: list[str], following: list[str], after: list[str]
) -> JsonObject:
    return {
        "condition": text,
        "valid": problem is None,
        "problem": problem,
        "forms": forms,
        "next": following,
        "after": after,
    }
